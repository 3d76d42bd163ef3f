"""Function units of stage X.

Their sources are *cut*: zero-extended to 32 bits from the operation's :class:`~rtl.execute.operand.OperandWidth`.

===================  =================================================================  =================================================
unit                 inputs                                                             outputs
===================  =================================================================  =================================================
``alu.AluUnit``      fn, width, a, b, c (CMPXCHG: REG), flags_in, condition (SETCC)     result, flags, flags_mask
``shift.ShiftUnit``  fn, width, a, b (count), c (SHLD, SHRD: REG), flags_in             result, flags, flags_mask
``bits.BitsUnit``    fn, width, a, b                                                    result, flags, flags_mask
``bcd.BcdUnit``      fn, b (AX), flags_in                                               result (AX), flags, flags_mask
``muldiv.MulDiv-     start, fn, width, a, b, c (DIV, IDIV: EDX, DX or AH)               done, divide_error, result, flags, flags_mask
Unit``
===================  =================================================================  =================================================

All but MulDivUnit are combinational. MulDivUnit: raise ``start`` for one cycle and keep the micro-op until ``done`` (HIGH: the same
cycle; multiplication: two cycles later; division: the width in bits plus one later); ``divide_error`` comes with ``done``: raise #DE. HIGH
gives the high half or the remainder, zero-extended from the width of the operation that left it.

``flags`` and ``flags_mask`` are :class:`~rtl.execute.flags.ArithmeticFlags`. ``flags.zf``, ``.sf`` are the result's whatever the mask
(BITS: those of b), ``flags.cf`` is the unit's carry-out: they go to :class:`~rtl.execute.condition.ConditionUnit` as ``result_flags``.
Its ``holds`` is the micro-op's condition; its ``holds_before`` goes to AluUnit's ``condition`` (no loop through the result).
:class:`~rtl.execute.flags.FlagMerge` makes the new EFLAGS of group, old EFLAGS, flags, mask and b (SAHF).

BSF and BSR give ``a`` as result if b is 0: source 1 should be the destination. BSWAP of a word gives 0. Undefined flags: each unit
says which value it gives; it is the oracle's (unicorn) wherever that costs nothing.
"""
