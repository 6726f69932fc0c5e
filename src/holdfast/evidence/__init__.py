"""What makes the evidence ledger hold: the tree over its leaves, their text, the signed heads.

Pure. A leaf is a line of canonical JSON; the tree is that of RFC 6962, so that one hash stands
for every leaf before it and a proof of any of them is short. What stays out: where leaves, heads
and the key lie (`store`, `providers`), and what is worth a leaf (`app`, `workflows`).
"""
