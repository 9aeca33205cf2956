"""Operations of the package under strace: which system calls they make, and faults at each."""
