"""How masters reach memory and devices."""
