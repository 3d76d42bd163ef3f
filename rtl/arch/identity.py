"""What CPUID and the reset value of EDX say of this processor."""

__all__ = ["DEBUG_EXTENSIONS", "FEATURES", "SIGNATURE", "VENDOR"]

VENDOR = "RingfenceCPU"  # EBX, EDX, ECX of leaf 0
SIGNATURE = 0x0000_0480  # family 4, model 8: what a 486 with CPUID says
DEBUG_EXTENSIONS = 1 << 2  # CR4.DE
FEATURES = DEBUG_EXTENSIONS | (1 << 3) | (1 << 4) | (1 << 5) | (1 << 8) | (1 << 13)  # EDX of leaf 1: DE, PSE, TSC, MSR, CX8, PGE
