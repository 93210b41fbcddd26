"""A provider for tests and simulated runs: the back office's side of the link, without its books.

It keeps a shadow of each device: every record uploaded, the registers they add up to, the money
posted for it, and an answer for every refill request, for ever. What a device says of itself is
compared with that shadow at every message; a device that contradicts it is locked, and suspended by
the next order. `handle` is one transaction: what it answers is settled before the answer leaves.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Final, Self, TypeAlias

from imi.shadow import Shadow
from postage.envelope import MAGIC, Sign, claimed_device, open_envelope, seal
from postage.errors import MessageFormatError
from postage.messages import (
    AuditAck,
    AuditUpload,
    Command,
    DeclineReason,
    Denial,
    Denied,
    InitialiseMeter,
    Message,
    Order,
    OrderDone,
    RateNotice,
    RefillAck,
    RefillCredit,
    RefillDecline,
    RefillPosted,
    RefillRequest,
    RefillSettled,
    RefillTombstone,
    RefillVoidRequest,
    RegisterMeter,
    Sender,
    TimeAnswer,
    TimeQuery,
)
from postage.money import ZERO, Money

MIN_REFILL: Final = Money(1_000)  # domain.md 2.4: $1.00 to $99,999.99 unless configured
MAX_REFILL: Final = Money(99_999_990)
_NONCE = slice(15, 23)  # of a message: behind magic, version, kind, sender, device
AnyOrder: TypeAlias = Order | InitialiseMeter | RegisterMeter | RateNotice
Settlement: TypeAlias = RefillCredit | RefillDecline | RefillTombstone


@dataclass(frozen=True, slots=True)
class ProviderIncident:
    """What a device did that it may not, in words."""

    device: int
    denial: Denial
    detail: str


@dataclass(slots=True)
class Account:
    """One device and its customer's money, all amounts in mills.

    `settled` answers each refill request, `sealed` in the very bytes; neither is ever pruned, a
    meter may be away for years.
    """

    shadow: Shadow = field(default_factory=Shadow)
    funds: int = 0
    settled: dict[int, tuple[int, Settlement]] = field(default_factory=dict)
    sealed: dict[int, bytes] = field(default_factory=dict)
    orders: list[AnyOrder] = field(default_factory=list)
    given: int = 0  # number of the last order that was sent
    numbered: int = 0  # number of the last order that was made
    lock: Denial | None = None


class FakeProvider:
    """A provider of any number of devices, deterministic, all in memory.

    sign: the provider's signature. check: whether (device, message, signature) is the device's.
    clock: microseconds since 1970-01-01 UTC.

    >>> provider = FakeProvider(lambda message: bytes(64), lambda device, m, s: s == bytes(64),
    ...     clock=lambda: 1_783_969_200_000_000)
    >>> provider.enroll(7, funds=Money(500_000))
    >>> question = seal(TimeQuery(device=7, nonce=5), lambda message: bytes(64))
    >>> open_envelope(provider.handle(question), lambda m, s: True)
    TimeAnswer(device=7, nonce=5, server_us=1783969200000000)
    >>> open_envelope(provider.handle(b"noise"), lambda m, s: True).reason
    <Denial.NOT_AUTHENTIC: 1>
    """

    def __init__(
        self,
        sign: Sign,
        check: Callable[[int, bytes, bytes], bool],
        clock: Callable[[], int],
    ) -> None:
        self._sign = sign
        self._check = check
        self._clock = clock
        self.accounts: dict[int, Account] = {}
        self.incidents: list[ProviderIncident] = []

    def enroll(self, device: int, funds: Money = ZERO) -> None:
        """Know a device, with this much money of its customer."""
        assert device not in self.accounts, f"device {device:#x} is known"
        self.accounts[device] = Account(funds=funds.mills)

    def order(self, device: int, command: Command, argument: int = 0) -> None:
        """Queue an order; the device takes it at its next contact."""
        self._queue(
            device, Order(device=device, nonce=0, order=0, command=command, argument=argument)
        )

    def initialise(self, device: int, certificate: bytes) -> None:
        """Queue the order by which a device leaves the factory; `certificate` is its SHA-256."""
        order = InitialiseMeter(device=device, nonce=0, order=0, certificate=certificate)
        self._queue(device, order)

    def register(self, device: int, agreement: bytes) -> None:
        """Queue the customer agreement under which the device is to work."""
        self._queue(device, RegisterMeter(device=device, nonce=0, order=0, agreement=agreement))

    def announce(self, notice: RateNotice) -> None:
        """Queue a notice of a rate edition for every device."""
        for device in self.accounts:
            self._queue(device, replace(notice, device=device))

    def release(self, device: int) -> None:
        """Lift the lock after an inspection that found the device in order."""
        self.accounts[device].lock = None
        self.order(device, Command.RESUME)

    def fork(self) -> Self:
        """Return an independent copy: what is on the provider's disk at this moment."""
        twin = type(self)(self._sign, self._check, self._clock)
        twin.accounts = deepcopy(self.accounts)
        twin.incidents = list(self.incidents)
        return twin

    def handle(self, data: bytes) -> bytes:
        """Return the signed answer to an envelope; any bytes get one."""
        answer = self._answer(data)
        if not isinstance(answer, Settlement):
            return seal(answer, self._sign)
        sealed = self.accounts[answer.device].sealed
        if answer.request not in sealed:
            sealed[answer.request] = seal(answer, self._sign)
        return sealed[answer.request]

    def _answer(self, data: bytes) -> Message:
        try:
            device = claimed_device(data)
            account = self.accounts.get(device)
            if account is None:
                return self._deny(device, _nonce_of(data), Denial.UNKNOWN_DEVICE, "never enrolled")
            message = open_envelope(data, lambda m, s: self._check(device, m, s))
        except MessageFormatError as error:
            device = int.from_bytes(data[7:15], "little") if data.startswith(MAGIC) else 0
            return self._deny(device, _nonce_of(data), Denial.NOT_AUTHENTIC, str(error))
        if message.SENDER is not Sender.METER:
            detail = f"a device sent {type(message).__name__}"
            return self._deny(device, message.nonce, Denial.NOT_AUTHENTIC, detail)
        return self._serve(account, message)

    def _serve(self, account: Account, message: Message) -> Message:
        match message:
            case TimeQuery(device=device, nonce=nonce):
                return TimeAnswer(device=device, nonce=nonce, server_us=self._clock())
            case RefillRequest():
                return self._refill(account, message)
            case RefillVoidRequest():
                return self._void(account, message)
            case RefillAck():
                return self._arrived(account, message)
            case AuditUpload():
                return self._take_records(account, message)
        assert isinstance(message, OrderDone), message
        return self._next_order(account, message)

    def _refill(self, account: Account, asked: RefillRequest) -> Message:
        known = self._known(account, asked)
        if known is not None:
            return known
        shadow = account.shadow
        denial = account.lock and (Denial.DEVICE_LOCKED, f"since {account.lock.name}")
        denial = denial or shadow.doubt(asked.sequence, asked.digest, asked.registers)
        # Whatever was credited must be in by now: there is one request under way at a time.
        if denial is None and asked.registers.control_total.mills != shadow.posted:
            total, posted = asked.registers.control_total, Money(shadow.posted)
            denial = Denial.CONTROL_TOTAL_WRONG, f"control total {total}; {posted} was posted"
        if denial is not None:
            return self._lock(account, asked, *denial)
        amount = asked.amount.mills
        told = {"device": asked.device, "nonce": asked.nonce, "request": asked.request}
        if not MIN_REFILL <= asked.amount <= MAX_REFILL:
            answer: Settlement = RefillDecline(**told, reason=DeclineReason.AMOUNT_OUT_OF_RANGE)
        elif amount > account.funds:
            answer = RefillDecline(**told, reason=DeclineReason.NO_FUNDS)
        else:
            answer = RefillCredit(
                **told,
                amount=asked.amount,
                before=Money(shadow.posted),
                after=Money(shadow.posted + amount),
                server_us=self._clock(),
            )
            account.funds -= amount
            shadow.post(asked.request, amount)
        account.settled[asked.request] = amount, answer
        return answer

    def _void(self, account: Account, asked: RefillVoidRequest) -> Message:
        known = self._known(account, asked)
        told = {"device": asked.device, "nonce": asked.nonce, "request": asked.request}
        if known is None:
            tombstone = RefillTombstone(**told)
            account.settled[asked.request] = asked.amount.mills, tombstone
            return tombstone
        return RefillPosted(**told) if isinstance(known, RefillCredit) else known

    def _known(self, account: Account, asked: RefillRequest | RefillVoidRequest) -> Message | None:
        """Return what settled this request, or the denial of an id that settled another."""
        if asked.request not in account.settled:
            return None
        amount, answer = account.settled[asked.request]
        if (amount, answer.nonce) == (asked.amount.mills, asked.nonce):
            return answer
        detail = (
            f"request {asked.request} for {asked.amount} with nonce {asked.nonce}; it was for "
            f"{Money(amount)} with nonce {answer.nonce}"
        )
        return self._deny(asked.device, asked.nonce, Denial.CONFLICT, detail)

    def _arrived(self, account: Account, thanks: RefillAck) -> Message:
        _, answer = account.settled.get(thanks.request, (0, None))
        total = thanks.registers.control_total
        if not isinstance(answer, RefillCredit) or answer.after != total:
            detail = f"thanks for request {thanks.request} up to {total}"
            return self._deny(thanks.device, thanks.nonce, Denial.CONFLICT, detail)
        denial = account.shadow.doubt(thanks.sequence, thanks.digest, thanks.registers)
        if denial is not None:
            return self._lock(account, thanks, *denial)
        account.shadow.in_transit.pop(thanks.request, None)
        return RefillSettled(device=thanks.device, nonce=thanks.nonce, request=thanks.request)

    def _take_records(self, account: Account, sent: AuditUpload) -> Message:
        shadow = account.shadow
        denial = shadow.doubt(sent.sequence, sent.digest, sent.registers)
        denial = denial or shadow.take(sent.device, sent.first, sent.records)
        denial = denial or shadow.lags(sent.sequence)
        account.funds += shadow.refunded()
        if denial is not None:
            return self._lock(account, sent, *denial)
        return AuditAck(
            device=sent.device, nonce=sent.nonce, sequence=shadow.mark, digest=shadow.digest
        )

    def _next_order(self, account: Account, done: OrderDone) -> Message:
        if done.order > account.given:
            detail = f"order {done.order} done; {account.given} was the last"
            return self._deny(done.device, done.nonce, Denial.CONFLICT, detail)
        account.orders = [order for order in account.orders if order.order > done.order]
        if account.orders:
            account.given = max(account.given, account.orders[0].order)
            return replace(account.orders[0], nonce=done.nonce)
        return Order(
            device=done.device, nonce=done.nonce, order=0, command=Command.NOTHING, argument=0
        )

    def _queue(self, device: int, order: AnyOrder) -> None:
        account = self.accounts[device]
        account.numbered += 1
        account.orders.append(replace(order, order=account.numbered))
        if isinstance(order, Order) and order.command is Command.WITHDRAW:
            account.shadow.may_withdraw = True

    def _lock(self, account: Account, message: Message, denial: Denial, detail: str) -> Denied:
        """Deny, and hold the device where what it says cannot be true of it."""
        if account.lock is None and denial in _GRAVE:
            account.lock = denial
            self.order(message.device, Command.SUSPEND)
        return self._deny(message.device, message.nonce, denial, detail)

    def _deny(self, device: int, nonce: int, denial: Denial, detail: str) -> Denied:
        self.incidents.append(ProviderIncident(device, denial, detail))
        return Denied(device=device, nonce=nonce, reason=denial)


_GRAVE: Final = {
    Denial.REGISTERS_BEHIND,
    Denial.HISTORY_DIFFERS,
    Denial.RULE_BROKEN,
    Denial.CONTROL_TOTAL_WRONG,
}


def _nonce_of(data: bytes) -> int:
    """Return the nonce that a message names, proved or not, so that its sender knows the answer."""
    return int.from_bytes(data[_NONCE], "little") if len(data) >= _NONCE.stop else 0
