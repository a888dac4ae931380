package plan

// Refusal is a Spec that this host cannot carry out, found before anything was
// done. It is the user's to mend, and says how.
type Refusal struct {
	What   string // what cannot be, and which option or profile line asked for it
	Cause  string // what was found
	Remedy string // what to do; may be empty
	Exit   int    // the exit status, 125 unless the command itself is at fault
}

func (r *Refusal) Error() string { return r.What + ": " + r.Cause }

func refuse(what, cause, remedy string) *Refusal {
	return &Refusal{What: what, Cause: cause, Remedy: remedy, Exit: 125}
}
