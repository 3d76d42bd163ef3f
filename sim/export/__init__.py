"""Parts of the chipset as files for other people's designs."""
