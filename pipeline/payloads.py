"""The bytes that a device signs: an imprint's fields in the places that its profile has."""

from datetime import date

from pipeline.imprint import ImprintRequest
from postage.indicium import Imprint, Value, pack
from postage.layouts import PROFILES
from postage.money import Money
from postage.registers import Registers


class Payloads:
    """Packs payloads of one device; fields that its profile has no place for are left out.

    `device` are the fields that never change.
    """

    def __init__(self, profile: str, **device: Value) -> None:
        self._profile = profile
        self._fields = {field.name for field in PROFILES[profile].fields}
        self._device = device

    def postage(self, request: ImprintRequest, after: Registers) -> bytes:
        """Return the bytes to sign for a piece, with the registers as they are after its debit.

        Raises:
            IndiciumFormatError: a field does not fit.

        >>> payloads = Payloads("imi-min/p1", vendor_model="TST0", device_serial=7)
        >>> registers = Registers.new().refill(Money(1_000)).debit(Money(780))
        >>> request = ImprintRequest(
        ...     postage=Money(780), mailing_date=date(2026, 7, 13), rate_category=1
        ... )
        >>> len(payloads.postage(request, registers))
        27
        """
        return self._pack(
            **_registers(after),
            piece_count=after.piece_count,
            postage=request.postage,
            mailing_date=request.mailing_date,
            rate_category=request.rate_category,
            weight_tenths_oz=request.weight_tenths_oz,
            piece_class=request.piece_class,
            destination_zip=request.destination_zip,
            extra_services=request.extra_services,
            mailer_id=request.mailer_id,
            tracking_serial=request.tracking_serial,
        )

    def test(self, number: int, today: date, registers: Registers) -> bytes:
        """Return the bytes of VOID imprint `number`: $0.00, and TEST in the rate category."""
        return self._pack(
            **_registers(registers),
            piece_count=number,
            postage=Money(0),
            mailing_date=today,
            rate_category=int(Imprint.TEST),
            weight_tenths_oz=0,
        )

    def redate(self, number: int, mailing_date: date, registers: Registers) -> bytes:
        """Return the bytes of zero-value imprint `number` that only says another date."""
        return self._pack(
            **_registers(registers),
            piece_count=number,
            postage=Money(0),
            mailing_date=mailing_date,
            rate_category=int(Imprint.REDATE),
            weight_tenths_oz=0,
        )

    def _pack(self, **values: Value) -> bytes:
        given = self._device | values
        return pack(self._profile, {name: given[name] for name in self._fields & given.keys()})


def _registers(registers: Registers) -> dict[str, Value]:
    return {"ascending": registers.ascending, "descending": registers.descending}
