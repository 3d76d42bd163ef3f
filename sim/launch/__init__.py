"""The late launch, seen from the host: who answers the secure loader, and with what."""
