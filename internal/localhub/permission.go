package localhub

import "time"

// checkPermissionsAt has the permissions of all links checked at the given
// time, or at the earlier one that is set already. A check that comes too early
// does no harm, so a permission that was extended needs no new time.
func (c *conn) checkPermissionsAt(t time.Time) {
	if t.IsZero() || !c.nextCheck.IsZero() && !t.Before(c.nextCheck) {
		return
	}
	c.nextCheck = t
	c.renewal.Reset(time.Until(t))
}

// checkPermissions detaches the links whose token has expired.
func (c *conn) checkPermissions() {
	c.nextCheck = time.Time{}
	for _, s := range c.sessions {
		for _, l := range s.links {
			b := l.base()
			if b.gone {
				continue
			}
			end := c.permitted(b.need)
			if end.IsZero() {
				l.end(true)
				b.detach(refusal(condUnauthorized, codeUnauthorized, "The token or certificate has expired."))
			}
			c.checkPermissionsAt(end)
		}
	}
}
