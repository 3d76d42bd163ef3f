"""Programs that run as guests of the isolation kernel and, the same images, natively."""
