package userns

// The two capabilities that newuidmap(1) and newgidmap(1) are given where they are not set-user-ID, as on Fedora. They are
// written out here because the leaves do not import one another.
const (
	capSetgid = 6
	capSetuid = 7
)

// stNosuid is ST_NOSUID of statfs(2).
const stNosuid = 2

// Layout of the attribute security.capability, struct vfs_cap_data of <linux/capability.h>, little-endian everywhere:
//
//	(1) revision and flags  (2) permitted 0-31  (3) inheritable 0-31  (4) permitted 32-63  (5) inheritable 32-63
//	(6) uid of root, in revision 3 only
const (
	vfsCapSize      = 24
	vfsCapEffective = 1 // of field 1: the permitted ones are effective after execve
)

// grants reports whether a file with this attribute has the capability, below 32, at once after execve(2). The kernel has
// translated the attribute for the reader's user namespace, so its root needs no second look.
func grants(xattr []byte, capability uint) bool {
	if len(xattr) < 8 {
		return false
	}
	return xattr[0]&vfsCapEffective != 0 && xattr[4+capability/8]&(1<<(capability%8)) != 0
}
