"""What OpenSSL says of its FIPS provider when it is asked. Never a claim of validation.

Asked is the very libcrypto that ``imicore.signature`` loaded, in a library context of its own, so
that asking changes nothing. What counts is the provider of the algorithm that was *fetched*:
``EVP_default_properties_is_fips_enabled`` is a wish, and is 1 even when the provider did not load.
Whether that build of the module is validated OpenSSL cannot know: see the operator's certificate.
"""

import ctypes
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from imicore.signature import backend

_FETCHES: Final = (("signature", "EVP_SIGNATURE", "ECDSA"), ("digest", "EVP_MD", "SHA2-256"))
_UTF8_PTR, _END = 6, 0  # OSSL_PARAM data types (openssl/core.h)
_UNMODIFIED = ctypes.c_size_t(-1).value


@dataclass(frozen=True, slots=True)
class FipsReport:
    """What was asked for and what came back."""

    active: bool  # every algorithm that signing needs came from the provider that was asked
    library: str  # version of the libcrypto that was asked, empty where there is none
    path: str
    provider: str  # what the provider calls itself, empty where it did not load
    version: str
    build: str
    self_test: bool | None  # what its own self-test says now; None where it did not load
    algorithms: tuple[str, ...]  # which came from it
    demanded: bool  # the configuration demands fips=yes of everything: a wish, not a fact
    reason: str  # why it is not active
    signing: str  # which library makes the meter's own signatures
    validated: str = "unknown: see the certificate number, if any, of the operator's module"


def ask(configuration: str | None = None, *, provider: str = "fips") -> FipsReport:
    """Return what OpenSSL says of the provider. Loads it in a context of its own; changes nothing.

    ``configuration``: the file that names the module and its checksum (``fipsmodule.cnf`` included
    from it), OpenSSL's default where None. ``provider``: another one's name shows what an answer
    looks like where there is no FIPS module.

    >>> report = ask()
    >>> report.active or report.reason != ""
    True
    >>> report.validated.split(":")[0]
    'unknown'
    """
    with ThreadPoolExecutor(1) as thread:  # errors are kept by thread: ours must not stay behind
        return thread.submit(_ask, configuration, provider).result()


def _ask(configuration: str | None, provider: str) -> FipsReport:
    loaded = backend()
    signing = f"cryptography {version('cryptography')}, its own OpenSSL without a FIPS module"
    common = {"demanded": loaded.fips, "signing": signing}
    if loaded.name != "libcrypto":
        return _nothing(f"no libcrypto is loaded: {loaded.reason}", "", "", **common)
    try:
        library = _Library(loaded.path)
    except (OSError, AttributeError) as error:
        return _nothing(f"{loaded.path}: {error}", loaded.version, loaded.path, **common)
    with library.context(configuration) as (context, wrong):
        handle = None if wrong else library.OSSL_PROVIDER_load(context, provider.encode("ascii"))
        if not handle:
            reason = wrong or f"provider {provider!r} does not load: {library.errors()}"
            return _nothing(reason, loaded.version, loaded.path, **common)
        try:
            return _report(library, context, handle, provider, loaded, common)
        finally:
            library.OSSL_PROVIDER_unload(handle)


def _report(
    library: "_Library", context: int, handle: int, provider: str, loaded: Any, common: Any
) -> FipsReport:
    said = library.texts(handle, ("name", "version", "buildinfo"))
    passed = library.OSSL_PROVIDER_self_test(handle) == 1
    query = "fips=yes" if provider == "fips" else f"provider={provider}"
    came = [
        (f"{what} {name}", library.provider_of(context, kind, name, query))
        for what, kind, name in _FETCHES
    ]
    missing = [f"{what} from {whose or 'nowhere'}" for what, whose in came if whose != provider]
    reasons = [] if passed else ["its self-test does not pass"]
    return FipsReport(
        active=passed and not missing,
        library=loaded.version,
        path=loaded.path,
        provider=said["name"],
        version=said["version"],
        build=said["buildinfo"],
        self_test=passed,
        algorithms=tuple(what for what, whose in came if whose == provider),
        reason="; ".join(reasons + missing),
        **common,
    )


def _nothing(reason: str, library: str, path: str, **common: Any) -> FipsReport:
    return FipsReport(
        active=False,
        library=library,
        path=path,
        provider="",
        version="",
        build="",
        self_test=None,
        algorithms=(),
        reason=reason,
        **common,
    )


class _Parameter(ctypes.Structure):
    """OSSL_PARAM, as openssl/core.h has it."""

    _fields_ = (
        ("key", ctypes.c_char_p),
        ("data_type", ctypes.c_uint),
        ("data", ctypes.c_void_p),
        ("data_size", ctypes.c_size_t),
        ("return_size", ctypes.c_size_t),
    )


class _Library:
    """The calls of libcrypto that asking needs; AttributeError where one is missing."""

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
        for name, result, arguments in (
            ("OSSL_LIB_CTX_new", pointer, []),
            ("OSSL_LIB_CTX_free", None, [pointer]),
            ("OSSL_LIB_CTX_load_config", number, [pointer, text]),
            ("OSSL_PROVIDER_load", pointer, [pointer, text]),
            ("OSSL_PROVIDER_unload", number, [pointer]),
            ("OSSL_PROVIDER_self_test", number, [pointer]),
            ("OSSL_PROVIDER_get_params", number, [pointer, pointer]),
            ("OSSL_PROVIDER_get0_name", text, [pointer]),
            ("ERR_get_error_all", ctypes.c_ulong, [pointer, pointer, pointer, pointer, pointer]),
            ("ERR_error_string_n", None, [ctypes.c_ulong, text, ctypes.c_size_t]),
            ("EVP_SIGNATURE_fetch", pointer, [pointer, text, text]),
            ("EVP_SIGNATURE_free", None, [pointer]),
            ("EVP_SIGNATURE_get0_provider", pointer, [pointer]),
            ("EVP_MD_fetch", pointer, [pointer, text, text]),
            ("EVP_MD_free", None, [pointer]),
            ("EVP_MD_get0_provider", pointer, [pointer]),
        ):
            call = getattr(library, name)
            call.restype, call.argtypes = result, arguments
            setattr(self, name, call)

    def __getattr__(self, name: str) -> Any:  # what __init__ did not find
        raise AttributeError(f"libcrypto has no {name}")

    @contextmanager
    def context(self, configuration: str | None) -> Iterator[tuple[int, str]]:
        """Yield a library context and what went wrong with its configuration."""
        context = self.OSSL_LIB_CTX_new()
        try:
            wrong = ""
            if configuration is not None:
                read = self.OSSL_LIB_CTX_load_config(context, configuration.encode())
                wrong = "" if read == 1 else f"{configuration} is refused: {self.errors()}"
            yield context, wrong
        finally:
            self.OSSL_LIB_CTX_free(context)

    def errors(self) -> str:
        """Return this thread's errors in OpenSSL's words, the first, which says most, first."""
        said = []
        data = ctypes.c_char_p()
        buffer = ctypes.create_string_buffer(256)
        while code := self.ERR_get_error_all(None, None, None, ctypes.byref(data), None):
            self.ERR_error_string_n(code, buffer, len(buffer))
            text = buffer.value.decode("utf-8", "replace").rpartition(":")[2]
            more = (data.value or b"").decode("utf-8", "replace")
            said.append(f"{text} ({more})" if more else text)
        return "; ".join(said) or "no reason given"

    def texts(self, provider: int, names: tuple[str, ...]) -> dict[str, str]:
        """Return what the provider says of itself."""
        values = [ctypes.c_char_p() for _ in names]
        asked = (_Parameter * (len(names) + 1))(
            *(
                _Parameter(name.encode(), _UTF8_PTR, ctypes.addressof(value), 0, _UNMODIFIED)
                for name, value in zip(names, values, strict=True)
            ),
            _Parameter(None, _END, None, 0, 0),
        )
        self.OSSL_PROVIDER_get_params(provider, ctypes.byref(asked))
        return {
            name: (value.value or b"").decode("utf-8", "replace")
            for name, value in zip(names, values, strict=True)
        }

    def provider_of(self, context: int, kind: str, name: str, query: str) -> str:
        """Return the name of the provider that an algorithm really comes from."""
        fetched = getattr(self, f"{kind}_fetch")(context, name.encode(), query.encode())
        if not fetched:
            return ""
        try:
            whose = getattr(self, f"{kind}_get0_provider")(fetched)
            return str(self.OSSL_PROVIDER_get0_name(whose).decode("ascii"))
        finally:
            getattr(self, f"{kind}_free")(fetched)
