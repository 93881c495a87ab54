"""The errors that a user can mend: each message says how."""


class GspyError(Exception):
    """Something is wrong with what the user gave; the message names the remedy.

    The command line prints the message in one line and exits with code 2.
    """


class CheckError(GspyError):
    """A check that the user asked for came out badly; exit code 1."""


class PictureError(GspyError):
    """One picture cannot be used; a run turns it into a `Failure` and goes on."""


class DivergedError(GspyError):
    """A training's loss is no longer a number; another rate may do."""


class ChangedError(GspyError):
    """An output is no longer as gspy wrote it; `journal.changed` adds its name."""
