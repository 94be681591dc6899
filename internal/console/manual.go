package console

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manual returns a hidden command that writes the program's man pages, made
// from its help texts, to a directory.
func manual(c *Console) *cobra.Command {
	return &cobra.Command{
		Use:    "__man DIR", // a message may be "man"
		Short:  "Write the man pages to a directory",
		Hidden: true,
		Args:   Args(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return Usagef("name the directory to write to")
			}
			if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:gosec // for everyone to read
				return fmt.Errorf("man pages: %w", err)
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true // it holds today's date
			header := &doc.GenManHeader{Section: "1", Source: c.Name, Manual: "Cloud-to-device messages"}
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return fmt.Errorf("man pages: %w", err)
			}
			return nil
		},
	}
}
