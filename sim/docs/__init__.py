"""Reference pages made from the declarations in ``contracts/``: nothing in them is typed twice."""
