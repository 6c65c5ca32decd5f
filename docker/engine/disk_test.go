package engine

import "testing"

func TestHasQuotas(t *testing.T) {
	const mounts = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 254:16 / /srv rw,relatime shared:5 - xfs /dev/vdb rw,attr2,prjquota
31 30 254:32 / /srv/plain rw - xfs /dev/vdc rw,noquota
`
	for dir, want := range map[string]bool{
		"/srv": true, "/srv/docker": true, "/srv/plain/docker": false, "/var/lib/docker": false, "/srvother": false,
	} {
		if got := hasQuotas(mounts, dir); got != want {
			t.Errorf("%s: %v", dir, got)
		}
	}
	if hasQuotas("nonsense\n\n - \n", "/") {
		t.Error("garbage has quotas")
	}
}
