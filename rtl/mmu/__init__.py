"""TLB and page walker."""
