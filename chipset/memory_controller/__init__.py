"""RAM and ROM behind one pipelined controller, and the scrub of RAM at platform reset."""
