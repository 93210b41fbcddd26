"""Keys in a PKCS#11 token: SoftHSM2 as it is, and behind a module that fails on demand."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imicore.eckeys import generate
from imicore.errors import (
    BackendMissing,
    BadArgument,
    BadKey,
    KeysZeroised,
    PinLocked,
    SessionLost,
    TokenError,
    TokenFull,
    TokenInUse,
    TokenMissing,
    TokenUntrusted,
    WrongPin,
    WrongToken,
)
from imicore.signature import Algorithm, Check, Verifier
from tests.imicore.c_programs import HERE, PLAIN, compiler
from tests.imicore.softhsm import PIN, Tokens, place, softhsm_library

pkcs11 = pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed (extra: token)")

from pkcs11 import Attribute, KeyType, ObjectClass  # noqa: E402

from imicore.token_library import load  # noqa: E402
from imicore.tokens import TokenKeyStore, bare_point, tokens  # noqa: E402

HALF_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551 >> 1  # SEC 2, P-256
MESSAGE = b"indicium"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tokens:
    library = softhsm_library()
    monkeypatch.setenv("SOFTHSM2_CONF", "")  # given back after the test
    return place(tmp_path, library)


@pytest.fixture
def serial(home: Tokens) -> str:
    return home.make()


@pytest.fixture
def store(home: Tokens, serial: str) -> Iterator[TokenKeyStore]:
    with TokenKeyStore(home.library, serial=serial, pin=PIN) as opened:
        yield opened


def flags_of_token(home: Tokens) -> int:
    library = load(home.library)
    library.fresh()
    (token,) = library.tokens().values()
    flags = int(token.flags)
    library.rest()
    return flags


def verifies(message: bytes, signature: bytes, public_key: bytes) -> bool:
    return Verifier().verify(message, signature, public_key) is Check.VALID


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_the_token_makes_a_key_and_signs(store: TokenKeyStore, algorithm: Algorithm) -> None:
    signer = store.create("meter-1", algorithm=algorithm)
    assert signer.algorithm is algorithm
    assert len(signer.public_key) == 1 + 2 * algorithm.width
    messages = [f"piece {number}".encode() for number in range(20)]
    for message, signature in zip(messages, signer.sign_batch(messages), strict=True):
        assert len(signature) == 2 * algorithm.width
        assert verifies(message, signature, signer.public_key)
    store.demand_pair("meter-1")


def test_every_signature_has_low_s(store: TokenKeyStore) -> None:
    """The token's own s is high every other time: of 64, all low by chance once in 2^64."""
    signer = store.create("meter-1")
    raws: list[bytes] = []
    ask = signer._sign_digest
    signer._sign_digest = lambda digest: raws.append(ask(digest)) or raws[-1]
    released = [signer.sign(bytes([number])) for number in range(64)]
    assert any(int.from_bytes(raw[32:], "big") > HALF_ORDER for raw in raws)
    assert all(int.from_bytes(raw[32:], "big") <= HALF_ORDER for raw in released)


def test_whether_it_is_deterministic_is_found_out(store: TokenKeyStore) -> None:
    """SoftHSM draws a nonce for each signature, so the answer is no."""
    signer = store.create("meter-1")
    assert signer.deterministic is (signer.sign(MESSAGE) == signer.sign(MESSAGE))
    assert not signer.deterministic


def test_the_key_does_not_leave_the_token(store: TokenKeyStore) -> None:
    store.create("meter-1")
    for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.SECRET_KEY):
        (key,) = store._session.get_objects({Attribute.CLASS: kind})
        with pytest.raises(pkcs11.AttributeSensitive):
            key[Attribute.VALUE]
        assert key[Attribute.NEVER_EXTRACTABLE]
        assert key[Attribute.LOCAL]


def test_a_key_that_may_leave_or_came_from_outside_is_refused(store: TokenKeyStore) -> None:
    """Somebody else's tool made the pair: extractable, so the token may not be its only place."""
    store.create("meter-1")
    store.create("meter-2")
    for key_id in ("meter-1", "meter-2"):
        (key,) = store._find(ObjectClass.PRIVATE_KEY, key_id)
        key.destroy()
    curve = store._session.create_domain_parameters(
        KeyType.EC, {Attribute.EC_PARAMS: bytes.fromhex("06082a8648ce3d030107")}, local=True
    )
    curve.generate_keypair(
        label="imi:meter-1", store=True, private_template={Attribute.EXTRACTABLE: True}
    )
    store._session.create_object(
        {
            Attribute.CLASS: ObjectClass.PRIVATE_KEY,
            Attribute.KEY_TYPE: KeyType.EC,
            Attribute.EC_PARAMS: bytes.fromhex("06082a8648ce3d030107"),
            Attribute.VALUE: bytes(31) + b"\x09",
            Attribute.LABEL: "imi:meter-2",
            Attribute.TOKEN: True,
            Attribute.SENSITIVE: True,
            Attribute.EXTRACTABLE: False,
            Attribute.PRIVATE: True,
        }
    )
    for extra in store._find(ObjectClass.PUBLIC_KEY, "meter-1")[1:]:
        extra.destroy()
    with pytest.raises(TokenUntrusted, match="EXTRACTABLE is True"):
        store.open("meter-1")
    with pytest.raises(TokenUntrusted, match="LOCAL is False"):
        store.open("meter-2")


def test_keys_survive_the_session(home: Tokens, store: TokenKeyStore, serial: str) -> None:
    made = store.create("meter-1")
    journal, integrity = store.journal_key("meter-1"), store.integrity_key("meter-1")
    other = store.create("meter-2")
    assert len({journal, integrity, store.journal_key("meter-2")}) == 3
    assert len(journal) == len(integrity) == 32
    store.close()
    with pytest.raises(SessionLost, match="closed"):
        made.sign(MESSAGE)
    with TokenKeyStore(home.library, serial=serial, pin=PIN) as again:
        assert again.open("meter-1").public_key == made.public_key
        assert again.open("meter-2").public_key == other.public_key
        assert again.journal_key("meter-1") == journal
        assert verifies(MESSAGE, again.open("meter-1").sign(MESSAGE), made.public_key)


def test_a_key_is_never_replaced_nor_invented(store: TokenKeyStore) -> None:
    made = store.create("meter-1")
    with pytest.raises(BadKey, match="never replaced"):
        store.create("meter-1")
    with pytest.raises(BadKey, match="0 secret keys of 'meter-2'"):
        store.open("meter-2")
    with pytest.raises(BadArgument, match="key id"):
        store.create("../meter")
    assert store.open("meter-1").public_key == made.public_key


def test_tokens_are_listed_by_serial_number(home: Tokens, serial: str) -> None:
    assert [(token.serial, token.label) for token in tokens(home.library)] == [(serial, "meter")]


def test_a_library_that_is_none(home: Tokens) -> None:
    for path in ("/nowhere.so", __file__):
        with pytest.raises(BackendMissing, match=path):
            tokens(path)


def test_a_wrong_pin_is_tried_once(home: Tokens, serial: str) -> None:
    with pytest.raises(WrongPin, match=r"PinIncorrect.*Enter the PIN again with care"):
        TokenKeyStore(home.library, serial=serial, pin="000000")
    TokenKeyStore(home.library, serial=serial, pin=PIN).close()


def test_the_token_of_another_serial_sees_no_pin(home: Tokens, serial: str) -> None:
    """A count-low flag would show that a PIN was tried (PKCS#11 2.40, CKF_USER_PIN_COUNT_LOW)."""
    said = rf"{serial} answers; the device's is 0123.*own token back"
    with pytest.raises(WrongToken, match=said):
        TokenKeyStore(home.library, serial="0123", pin="000000")
    assert not flags_of_token(home) & 0x10000
    with pytest.raises(WrongPin):
        TokenKeyStore(home.library, serial=serial, pin="000000")
    assert flags_of_token(home) & 0x10000  # the flag does show it


def test_no_token_at_all(home: Tokens, serial: str) -> None:
    home.unplug()
    with pytest.raises(TokenMissing, match="Plug the token in"):
        TokenKeyStore(home.library, serial=serial, pin=PIN)
    with pytest.raises(TokenMissing):
        tokens(home.library)
    home.folder.mkdir()
    with pytest.raises(TokenMissing, match=f"the device's is {serial}"):
        TokenKeyStore(home.library, serial=serial, pin=PIN)
    assert tokens(home.library) == []


def test_unplugged_in_the_middle_of_a_run(home: Tokens, store: TokenKeyStore) -> None:
    """Nothing is signed until someone says that it is back, and then with the same key."""
    signer = store.create("meter-1")
    assert verifies(b"before", signer.sign(b"before"), signer.public_key)
    home.unplug()
    for _ in range(2):
        with pytest.raises(TokenMissing, match=r"is gone.*Plug the token in"):
            signer.sign(MESSAGE)
    with pytest.raises(TokenMissing):
        store.journal_key("meter-1")
    with pytest.raises(TokenMissing):
        store.reconnect()
    home.plug()
    with pytest.raises(TokenMissing):
        signer.sign(MESSAGE)
    store.reconnect()
    assert verifies(b"after", signer.sign(b"after"), signer.public_key)


def test_another_token_is_plugged_in_meanwhile(
    home: Tokens, store: TokenKeyStore, serial: str
) -> None:
    signer = store.create("meter-1")
    home.unplug()
    home.folder.mkdir()
    other = home.make("another")
    with pytest.raises(TokenMissing, match=serial):
        signer.sign(MESSAGE)
    with pytest.raises(WrongToken, match=other):
        store.reconnect()
    with pytest.raises(TokenError):
        signer.sign(MESSAGE)


def test_the_session_is_lost(store: TokenKeyStore) -> None:
    signer = store.create("meter-1")
    store._session.close()
    for _ in range(2):
        with pytest.raises(SessionLost, match=r"SessionHandleInvalid.*Open the key store again"):
            signer.sign(MESSAGE)
    store.reconnect()
    assert verifies(MESSAGE, signer.sign(MESSAGE), signer.public_key)
    store._library.module.finalize()  # another user of the library in this process
    with pytest.raises(SessionLost, match="not initialized"):
        signer.sign(MESSAGE)
    store.reconnect()
    assert verifies(MESSAGE, signer.sign(MESSAGE), signer.public_key)


def test_somebody_deletes_the_key(store: TokenKeyStore) -> None:
    signer = store.create("meter-1")
    (key,) = store._find(ObjectClass.PRIVATE_KEY, "meter-1")
    key.destroy()
    with pytest.raises(SessionLost, match="ObjectHandleInvalid"):
        signer.sign(MESSAGE)
    store.reconnect()
    for use in (lambda: signer.sign(MESSAGE), lambda: store.create("meter-1")):
        with pytest.raises(KeysZeroised, match="key 'meter-1' was destroyed"):
            use()


def test_one_store_for_a_token(home: Tokens, store: TokenKeyStore, serial: str) -> None:
    with pytest.raises(TokenInUse, match="Use the store that is open"):
        TokenKeyStore(home.library, serial=serial, pin="000000")
    made = store.create("meter-1")
    assert verifies(MESSAGE, made.sign(MESSAGE), made.public_key)


def test_two_tokens_at_once(home: Tokens) -> None:
    """Stores work side by side; making a key would end the other's session, so it is refused."""
    first, second = home.make("first"), home.make("second")
    with TokenKeyStore(home.library, serial=first, pin=PIN) as one:
        signer = one.create("meter-1")
        with TokenKeyStore(home.library, serial=second, pin=PIN) as two:
            with pytest.raises(TokenInUse, match="other tokens closed"):
                two.create("meter-1")
            assert verifies(MESSAGE, signer.sign(MESSAGE), signer.public_key)
        assert verifies(MESSAGE, signer.sign(MESSAGE), signer.public_key)


def test_threads_share_a_store(store: TokenKeyStore) -> None:
    """python-pkcs11 starts the library as for one thread; the store's lock keeps them apart."""
    signer = store.create("meter-1")
    messages = [number.to_bytes(2, "big") for number in range(200)]
    with ThreadPoolExecutor(4) as threads:
        signatures = list(threads.map(signer.sign, messages))
    for message, signature in zip(messages, signatures, strict=True):
        assert verifies(message, signature, signer.public_key)
    assert len(set(signatures)) == len(messages)


FORK = """
import os, sys
from imicore.errors import SessionLost
from imicore.tokens import TokenKeyStore
library, serial, pin = sys.argv[1:]
store = TokenKeyStore(library, serial=serial, pin=pin)
signer = store.create("meter-1")
child = os.fork()
if child == 0:
    refusals = []
    for use in (signer.sign, lambda _: TokenKeyStore(library, serial=serial, pin=pin)):
        try:
            use(b"indicium")
        except SessionLost as error:
            refusals.append("fork" in str(error))
    os._exit(0 if refusals == [True, True] else 1)
print(os.waitpid(child, 0)[1], len(signer.sign(b"indicium")))
"""


def test_a_forked_child_signs_nothing(home: Tokens, serial: str) -> None:
    """SoftHSM would: a device must never sign from two processes."""
    done = subprocess.run(
        [sys.executable, "-c", FORK, home.library, serial, PIN],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "0 64\n"


FILL = """
import resource, signal, sys
from imicore.errors import TokenFull
from imicore.tokens import TokenKeyStore
library, serial, pin, *limits = sys.argv[1:]
store = TokenKeyStore(library, serial=serial, pin=pin)
old = store.create("meter-1")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for limit in limits:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    try:
        store.create("meter-2")
    except TokenFull as error:
        print(error)
    old.sign(b"goes on")
"""


def test_a_full_token_keeps_no_key(home: Tokens, serial: str) -> None:
    """Writes end at `limit` bytes of a file; SoftHSM 2.6.1 answers OK to all but the first.

    A key has files of 350 to 770 bytes. The token itself, which a login writes, has 320.
    """
    limits = ["0", "340", "500", "650", "700"]
    done = subprocess.run(
        [sys.executable, "-c", FILL, home.library, serial, PIN, *limits],
        check=True,
        capture_output=True,
        text=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(limits), done
    assert all("did not keep key 'meter-2'" in line and "Destroy keys" in line for line in lines)
    with TokenKeyStore(home.library, serial=serial, pin=PIN) as store:
        store.open("meter-1").sign(MESSAGE)
        with pytest.raises(BadKey):
            store.open("meter-2")
        store.create("meter-2").sign(MESSAGE)  # there is room again


FAULTS = {  # PKCS#11 2.40: code of the standard, what the store names it, at which call
    "C_Sign 0x32": (TokenMissing, "DeviceRemoved"),
    "C_Sign 0xe0": (TokenMissing, "TokenNotPresent"),
    "C_SignInit 0xb3": (SessionLost, "SessionHandleInvalid"),
    "C_SignInit 0x101": (SessionLost, "UserNotLoggedIn"),
    "C_SignInit 0x60": (SessionLost, "KeyHandleInvalid"),
    "C_Sign 0x31": (TokenFull, "DeviceMemory"),
    "C_Sign 0x90": (TokenError, "OperationActive"),
    "C_Sign 0x30": (TokenError, "DeviceError"),
    "C_Sign 0x5": (TokenError, "GeneralError"),
    "flip 5": (TokenUntrusted, "does not verify"),
    "flip 63": (TokenUntrusted, "does not verify"),
    "short 1": (TokenUntrusted, "63 bytes; P256 has 64"),
    "short 64": (TokenUntrusted, "0 bytes; P256 has 64"),
    "zero 0": (TokenUntrusted, "r or s of the signature is 0"),
    "repeat 0": (TokenUntrusted, "does not verify"),
}


class Faulty:
    """SoftHSM behind a module that does what the fault file says."""

    def __init__(self, home: Tokens, serial: str, faults: Path, module: str) -> None:
        self.home, self.serial, self.faults, self.module = home, serial, faults, module

    def say(self, fault: str) -> None:
        self.faults.write_text(fault)

    def open(self, pin: str = PIN, *, risk_last_try: bool = False) -> TokenKeyStore:
        return TokenKeyStore(self.module, serial=self.serial, pin=pin, risk_last_try=risk_last_try)


@pytest.fixture(scope="session")
def faulty_module(tmp_path_factory: pytest.TempPathFactory) -> str:
    module = tmp_path_factory.mktemp("module") / "faulty_token.so"
    command = [*compiler("CC", "cc"), "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]
    source = HERE / "faulty_token.c"
    subprocess.run([*command, "-o", module, source, "-ldl"], check=True, env=PLAIN)
    return str(module)


@pytest.fixture
def faulty(
    home: Tokens,
    serial: str,
    faulty_module: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Faulty:
    monkeypatch.setenv("IMI_TOKEN_BEHIND", home.library)
    monkeypatch.setenv("IMI_TOKEN_FAULT", str(tmp_path / "fault"))
    return Faulty(home, serial, tmp_path / "fault", faulty_module)


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_token_that_fails_while_signing_lets_no_byte_out(faulty: Faulty, fault: str) -> None:
    wanted, word = FAULTS[fault]
    with faulty.open() as store:
        signer = store.create("meter-1")
        assert verifies(b"before", signer.sign(b"before"), signer.public_key)
        faulty.say(fault)
        if fault.startswith("repeat"):
            signer.sign(MESSAGE)  # the one that is given again
        with pytest.raises(wanted, match=word) as caught:
            signer.sign(b"another")
        assert type(caught.value) is wanted
        assert str(caught.value).endswith(wanted.remedy)
        faulty.say("")
        if wanted is not TokenFull:
            with pytest.raises(wanted):  # until someone acts on it
                signer.sign(MESSAGE)
        store.reconnect()
        signer = store.open("meter-1")
        assert verifies(MESSAGE, signer.sign(MESSAGE), signer.public_key)


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("flags 0x40000", "is locked"),
        ("flags 0x20000", "one more wrong PIN locks"),
        ("C_Login 0xa4", "takes no PIN .PinLocked"),
        ("C_Login 0xa3", "takes no PIN .PinExpired"),
    ],
)
def test_a_locked_pin(faulty: Faulty, fault: str, word: str) -> None:
    """CKF_USER_PIN_LOCKED, CKF_USER_PIN_FINAL_TRY, CKR_PIN_LOCKED, CKR_PIN_EXPIRED."""
    faulty.say(fault)
    with pytest.raises(PinLocked, match=rf"{word}.*security officer set a new PIN"):
        faulty.open()
    if fault.startswith("flags 0x2"):
        faulty.open(risk_last_try=True).close()


@pytest.mark.parametrize(
    ("fault", "wanted", "word"),
    [
        ("C_OpenSession 0xe0", TokenMissing, "is gone .TokenNotPresent"),
        ("C_OpenSession 0xb1", TokenError, "SessionCount"),
        ("C_Login 0x100", TokenInUse, "is open in this process"),
        ("C_Login 0xa2", WrongPin, "refused the PIN .PinLenRange"),
        ("C_Login 0x30", TokenError, "DeviceError"),
    ],
)
def test_a_session_that_does_not_open(
    faulty: Faulty, fault: str, wanted: type[TokenError], word: str
) -> None:
    faulty.say(fault)
    with pytest.raises(wanted, match=word) as caught:
        faulty.open()
    assert type(caught.value) is wanted
    faulty.say("")
    faulty.open().close()


def test_a_library_that_does_not_start(faulty: Faulty, tmp_path: Path) -> None:
    """Loaded for the first time with its tokens' place gone, or by a program in this process."""
    module = str(shutil.copy(faulty.module, tmp_path / "another.so"))
    faulty.say("C_Initialize 0x5")
    with pytest.raises(TokenMissing, match=r"does not start .GeneralError"):
        tokens(module)
    faulty.say("")
    with (
        TokenKeyStore(faulty.home.library, serial=faulty.serial, pin=PIN),
        pytest.raises(TokenInUse, match="already initialized"),
    ):
        tokens(module)
    assert [token.serial for token in tokens(module)] == [faulty.serial]


def test_a_journal_key_of_another_length_is_refused(faulty: Faulty) -> None:
    with faulty.open() as store:
        store.create("meter-1")
        faulty.say("short 1")
        with pytest.raises(TokenUntrusted, match="HMAC-SHA256 of 31 bytes"):
            store.journal_key("meter-1")


def test_points_come_wrapped_or_bare() -> None:
    """CKA_EC_POINT is a DER OCTET STRING (PKCS#11 2.40, 2.3.3); some tokens give the point bare."""
    for algorithm in Algorithm:
        point = generate(algorithm).public_key
        wrapped = bytes([4, len(point)]) + point
        assert bare_point(point, algorithm) == bare_point(wrapped, algorithm) == point
        for wrong in (b"", wrapped[:-1], wrapped + b"\0", b"\4" + wrapped, bytes(len(wrapped))):
            with pytest.raises(BadKey):
                bare_point(wrong, algorithm)


def test_a_key_on_another_curve_is_refused(store: TokenKeyStore) -> None:
    store.create("meter-1")
    (public,) = store._find(ObjectClass.PUBLIC_KEY, "meter-1")
    public.destroy()
    curve = store._session.create_domain_parameters(
        KeyType.EC, {Attribute.EC_PARAMS: bytes.fromhex("06052b81040023")}, local=True
    )
    curve.generate_keypair(label="imi:meter-1", store=True)
    with pytest.raises(BadKey, match=r"another curve .06052b81040023"):
        store._public("meter-1")


def test_a_token_without_a_user_pin(faulty: Faulty) -> None:
    faulty.say("unset 0x8")
    with pytest.raises(PinLocked, match="no user PIN yet"):
        faulty.open()


def test_a_refused_pin_is_not_tried_again(faulty: Faulty) -> None:
    """The PIN was changed while the token was away: reconnect tries once, then never."""
    store = faulty.open()
    faulty.say("C_Login 0xa0")
    with pytest.raises(WrongPin):
        store.reconnect()
    faulty.say("")
    with pytest.raises(WrongPin):
        store.reconnect()
    faulty.open().close()


@pytest.mark.parametrize("code", ["0x31", "0x6", "0x30"])
def test_a_creation_that_is_cut_short_leaves_no_key(faulty: Faulty, code: str) -> None:
    """The pair is made, then the secret fails: the next creation clears the remains."""
    with faulty.open() as store:
        faulty.say(f"C_GenerateKey {code}")
        with pytest.raises(TokenError if code == "0x30" else TokenFull, match="meter-1"):
            store.create("meter-1")
        with pytest.raises((BadKey, TokenError)):
            store.open("meter-1")
        faulty.say("")
        store.reconnect()
        store.create("meter-1").sign(MESSAGE)
        assert len(store._find(ObjectClass.PRIVATE_KEY, "meter-1")) == 1


def test_a_pair_that_is_none_is_found_at_creation_and_on_request(faulty: Faulty) -> None:
    with faulty.open() as store:
        faulty.say("flip 40")
        with pytest.raises(TokenUntrusted, match="does not verify"):
            store.create("meter-1")
        with pytest.raises(TokenUntrusted):
            store.demand_pair("meter-1")


def test_zeroise_resumes_and_spares_what_is_not_ours(home: Tokens, serial: str) -> None:
    """Cut after each object, in the order of destruction: the next call finishes.

    The journal's key stays (reliability.md A3: registers stay readable), other programs' too.
    """
    for cut in range(5):
        names = [f"meter-{cut}-{number}" for number in range(2)]
        with TokenKeyStore(home.library, serial=serial, pin=PIN) as store:
            store._session.generate_key(KeyType.AES, 256, label=f"theirs {cut}", store=True)
            signers = [store.create(name) for name in names]
            journals = [store.journal_key(name) for name in names]
            doomed = store._ours(None)
            kinds = [found[Attribute.CLASS] for found in doomed]
            assert kinds == [ObjectClass.PRIVATE_KEY] * 2 + [ObjectClass.PUBLIC_KEY] * 2
            for found in doomed[:cut]:
                found.destroy()
        with TokenKeyStore(home.library, serial=serial, pin=PIN) as store:
            store.zeroise()
            assert store._ours(None) == []
            assert [store.journal_key(name) for name in names] == journals
            for use in (store.open, store.create, store.demand_pair):
                with pytest.raises(KeysZeroised, match="was destroyed"):
                    use(names[0])
            with pytest.raises(SessionLost):
                signers[0].sign(MESSAGE)
            assert len(list(store._session.get_objects({Attribute.LABEL: f"theirs {cut}"}))) == 1
            store.zeroise()


def test_a_signer_of_before_zeroise_signs_nothing(store: TokenKeyStore) -> None:
    signer = store.create("meter-1")
    store.zeroise()
    with pytest.raises(KeysZeroised):
        signer.sign(MESSAGE)
