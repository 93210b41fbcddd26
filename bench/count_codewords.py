"""Count data codewords of our automatic encodation and the peers', text by text.

Run from the repository's root: ``python -m bench.count_codewords [texts]``.
"""

import json
import sys

from imicore import datamatrix
from tests.oracles import peers


def count(texts: int, seed: int = 16022) -> dict[str, dict[str, int]]:
    """Return, for each peer, how many texts we write in fewer, as many and more codewords."""
    found = {}
    for name, encode in {"zint": peers.zint_encoder(), "zxing-cpp": peers.zxing_encoder()}.items():
        result = {"texts": 0, "fewer": 0, "same": 0, "more": 0, "saved": 0, "larger_symbols": 0}
        for text in peers.mixed_texts(texts, seed):
            theirs = encode(text)
            gain = peers.gain(text, theirs)
            ours = datamatrix.encode(text)
            assert datamatrix.decode(ours.modules).payload == text
            result["texts"] += 1
            result["fewer" if gain > 0 else "more" if gain < 0 else "same"] += 1
            result["saved"] += gain
            result["larger_symbols"] += peers.CAPACITIES[ours.size] > theirs.capacity
        found[name] = result
    return found


if __name__ == "__main__":
    print(json.dumps(count(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000), indent=1))
