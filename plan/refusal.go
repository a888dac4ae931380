package plan

// Refusal is a Spec that this host cannot carry out, found before anything was
// done. It is the user's to mend, and says how.
type Refusal struct {
	What   string // what cannot be, and which option or profile line asked for it
	Cause  string // what was found
	Remedy string // what to do; may be empty
	Exit   int    // the exit status, 125 unless the command itself is at fault
	ID     string // of package cause's entry, where it is the host that is at fault
}

func (r *Refusal) Error() string { return r.What + ": " + r.Cause }

func refuse(what, cause, remedy string) *Refusal {
	return &Refusal{What: what, Cause: cause, Remedy: remedy, Exit: 125}
}

// as names the cause.
func (r *Refusal) as(id string) *Refusal {
	r.ID = id
	return r
}

// The causes for which a Spec is refused, by their IDs in package cause.
const (
	KernelOld            = "kernel-old"
	ProcMasked           = "proc-masked"
	SubIDNone            = "subid-none"
	SubIDNameless        = "subid-nameless"
	SubIDUnmapped        = "subid-unmapped"
	SubIDUnreadable      = "subid-unreadable"
	NewidmapMissing      = "newidmap-missing"
	NewidmapNosuid       = "newidmap-nosuid"
	NewidmapUnprivileged = "newidmap-unprivileged"
	NoNewPrivs           = "no-new-privs"
	NotPrimaryGroup      = "not-primary-group"
)
