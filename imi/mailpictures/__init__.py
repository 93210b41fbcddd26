"""Realistic pictures of metered mail: what the simulated head prints on and the camera sees.

A picture is made in the order of the machine: `draw` a piece, `print_on` it, `photograph` it.
All chance comes from the generator passed in: the same state gives the same bytes.
"""

from imi.mailpictures.camera import CameraModel, Photograph, Zone, expected_zone, photograph
from imi.mailpictures.checks import BadPicture
from imi.mailpictures.defects import DEFECTS, Defect
from imi.mailpictures.envelope import MARKS, STYLES, Envelope, draw
from imi.mailpictures.imprint import Imprint
from imi.mailpictures.ink import InkModel, print_dots, print_on
from imi.mailpictures.samples import Sample, make_samples, sample
from imi.mailpictures.scene import MailPicture, mail_picture
from imi.mailpictures.suite import CLASSES, LEVELS, degraded, degraded_suite, make_degraded

__all__ = [
    "CLASSES",
    "DEFECTS",
    "LEVELS",
    "MARKS",
    "STYLES",
    "BadPicture",
    "CameraModel",
    "Defect",
    "Envelope",
    "Imprint",
    "InkModel",
    "MailPicture",
    "Photograph",
    "Sample",
    "Zone",
    "degraded",
    "degraded_suite",
    "draw",
    "expected_zone",
    "mail_picture",
    "make_degraded",
    "make_samples",
    "photograph",
    "print_dots",
    "print_on",
    "sample",
]
