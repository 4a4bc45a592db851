"""Every row of the fault suite: its id, how soon it must be tested, and what goes wrong in it.

Which test holds a row is not written here: tests say so themselves, by `@pytest.mark.fault("F03")` or, where a row is
a line of data (`rows_network.py`, `rows_pictures.py`), by its name. `python -m tests.faults.table --write` puts the two
together in docs/faults.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GROUPS: Mapping[str, str] = {
    "N": "Network",
    "H": "HTTP",
    "J": "JSON and what the API means",
    "B": "Bytes of pictures",
    "F": "File system",
    "D": "Database",
    "P": "Processes",
    "M": "Models and training",
    "C": "Configuration and time",
    "U": "Review page and security",
    "X": "Deletion",
    "R": "Combined",
}

# One row a line. "!" marks a row that must be tested before a release (P0); the others may follow later.
_TEXT = """
N01! Nothing listens at the site's address
N02! The site stops listening in the middle of a run and comes back
N03! The site's name does not resolve
N04! A connection is reset in the middle of a file
N05! A body is shorter than stated; a chunked body lacks its end
N06! A body without length or chunks is cut
N07! A body is longer than stated, or than published
N08! The server accepts and never answers, or sends headers and then nothing
N09! Headers or a body arrive a few bytes at a time
N10 A file arrives slowly but steadily
N11! The server closes a kept-alive connection just as it is used again
N12! Requests are cancelled at random, thousands of times
N13 A certificate is self-signed, expired, or for another name
N14 The network interface goes away for seconds
N15 A name has two addresses, and the first refuses
N16 Proxy variables and .netrc of the environment point elsewhere
N17 The process is suspended during transfers
H01! 500, 502, 503, 504 and 520, then success
H02! One page of the listing always times out at the site
H03! 429 with a stated wait, met by one of several workers
H04! The stated wait is a date, past, zero, negative, a word, or absurdly long
H05! 429 without a stated wait, for ever
H06! Only the host of the files throttles
H07! Two programs on two galleries, one of them is throttled
H08! 403 with a challenge page
H09! A challenge or error page with status 200 in place of a picture
H10! A JSON error with status 200 in place of a picture
H11! One placeholder picture for every file
H12! 401: the key is refused
H13! 403 for one post; 403 for everything
H14! 404 for a file that was listed
H15! 410 beyond the last numbered page
H16! 422: more tags than the account may search for
H17! A post without file address and md5 (hidden, banned, taken down)
H18! Redirects in a loop, in a chain, within the site
H19! Redirects to other hosts, internal addresses, files
H20! File addresses with foreign hosts, ports, passwords, schemes
H21! A resumed download gets another part than it asked for
H22! A resumed download meets a server that ignores ranges, or answers 416
H23! The file is replaced between two halves of a download
H24! A small compressed answer unpacks to hundreds of megabytes
H25! Compressed JSON is cut
H26 A picture arrives compressed although identity was asked for
H27! Empty answers: length 0, 204, 304
H28! A terabyte is announced; a body has no end
H29 Giant headers, many headers, odd status codes
H30 Errors come fast and successes slowly
H31! A fifth of all answers is broken in some way, at random
J01! Invalid, cut or empty JSON, or JSON that is no page
J02! One empty page in the middle of a listing
J03! Short pages in the middle of a listing
J04! New posts arrive during the walk; rows shift and repeat
J05! The site repeats one page for ever
J06! Keys are missing, null or unknown
J07! Values have wrong types or impossible sizes; ids repeat
J08! Text tries to be a path, code, or a command to the terminal
J09 Nested brackets, giant answers and numbers
J10! A file is replaced on the site after it was kept
J11! A post is deleted or banned between runs
J12! Two posts share one file; one is kept and one is not
J13 The site's count and its listing disagree
B01! An original is too short, too long, changed, or another file
B02! A rendition is cut
B03! The site's own file does not decode
B04! The content is of another format than the name says
B05! HTML, SVG, EPS, PDF, zip, video in place of a picture
B06! A tiny file declares giant dimensions; a legal giant
B07! Metadata unpacks to megabytes, or comes in a hundred thousand pieces
B08 Animations with thousands of frames, or none
B09 CMYK, 16 bits, 1 bit, palettes, rotations, extreme shapes
B10! A decoder dies, loops for ever, or allocates without end
B11! Thousands of seeded mutations of valid files
B12! A ugoira archive with hostile entries
B13! A stored file is changed, cut or replaced later
F01! The disk is full while a picture is written
F02! The disk is full at a commit
F03! Free space is below the reserve, at the start or in the middle of a run
F04 Only the log's disk is full; no inodes are left
F05! A file meets the size limit of the process
F06! fsync fails once
F07! Reading a stored file fails
F08! The file system becomes read-only in the middle of a run
F09! One folder may not be written; the settings may not be read
F10! Few file descriptors are allowed
F11! The power is cut
F12! A folder of the gallery is a link to somewhere else
F13! A link, pipe, socket or folder lies where the next file goes
F14! The root is not mounted, or is another gallery's
F15! Gallery and trash lie on different file systems
F16! The owner deletes, adds and renames files by hand
F17 The root has spaces, line breaks or odd bytes in its name
F18! A gallery is begun on /, the home folder, a foreign folder, or inside another one
F19 The umask is 000 or 077
F20! A slow disk
F21! A backup is made during a crawl and while labels are written
F22 An older database is put over newer files, or the other way round
D01! Another program holds the write lock for a moment
D02! Another program holds the write lock for too long
D03! A reader becomes a writer after another commit
D04! Threads read, change and write the same row
D05! A row without its parent is inserted
D06! The database is cut, overwritten, or another application's
D07! The database is missing while files are there; its log is missing or foreign
D08! The schema is newer, older, or unknown
D09! A migration is killed, or meets a full disk
D10! A reader stays open during a burst of writes
D11! A task is cancelled inside a transaction
D12! An exception is raised before connections are closed
D13! Child processes inherit descriptors of the database
D14 A million rows and a hundred readers
D15! SQL in tags, searches, ids and sort keys
D16 SQLite is older than the mended version
D17 PostgreSQL is killed, or refuses to serialise
D18 Two machines on one PostgreSQL gallery
D19 The same state on both database engines
D20 Pictures in an object store: killed, cut off, away, half an object
P01! A kill at every operation of the pipeline
P02! Kills at random moments, also during recovery
P03! SIGTERM
P04! SIGINT once, twice, and ignored by the parent
P05! The terminal closes; the output pipe closes
P06! A second crawl on the same gallery
P07! Crawl, review and training at once
P08! A background task fails
P09! One post meets a bug
P10! Scoring is a hundred times slower than downloads
P11! Downloads are a hundred times slower than scoring
P12! A stop is requested during a wait
P13! A stop is requested while a decoder hangs
P14! The system kills a worker; memory runs out in the main process
P15! One post kills the whole program each time
P16! Something blocks the event loop
P17! A long run, then rest: what is left open
P18! Exit code and summary, for every row
P19! Kills between recording an attempt and its first byte, again and again
P20! The program is upgraded between a kill and the next start
M01! A model's file is missing, empty, cut, HTML, or changed by one bit
M02! Hash, size, class names or shapes differ from what was registered
M03! A hostile model
M04! Scores that are no probabilities
M05! The outputs have changed places
M06! Preprocessing has drifted
M07! A model rejects everything
M08! Batches of other sizes and orders, other devices
M09! The device runs out of memory, or is lost
M10 The device vanishes in the middle of a run, or was never there
M11! Loading a model, or its first batch, hangs
M12 Twenty thousand batches in one process
M13! Training is killed anywhere; the disk is full when it saves
M14! Training pictures are damaged or missing
M15! Too few labels, or labels of one kind only
M16! A new model is worse than the one in force
M17! The model is switched during a run, and back
M18! A label changes while training reads
M19! The same picture in training and test
M20! The threshold is changed, and back
C01! A settings file with unknown keys, wrong values, binary, giant, or missing
C02! Odd words as tags
C03! Impossible rates and concurrency
C04! A key file that others can read; a key among the arguments
C05 The clock jumps
C06 The boot clock starts anew
C07 Other time zones, locales, no home folder
C08! A dry run
C09 The settings are edited during a run
U01! Other addresses than loopback
U02! Foreign and odd host names
U03! Changes asked for by other pages, or without the token
U04! Every link is followed
U05! Paths that climb out, and unknown ids
U06! Script in tags, names, metadata, errors
U07! HTML stored under a picture's name; framing
U08! Proxy headers
U09! The port is taken
U10 Half-open connections, giant bodies
U11! Two tabs label one picture differently
U12! A kill between click and answer
U13! A keep label is filed while the file is moved to the trash
U14! Restore one file, or all of one model's
U15! The key is looked for everywhere
U16! A key, and an unencrypted site
U17! Line breaks and escape sequences in what is logged
U18! Dangerous calls in the shipped code
U19! No network but loopback
U20 Dependencies with known vulnerabilities
X01! No command but apply and purge removes or moves a picture
X02! A kill at every operation of apply, restore and purge
X03! A decision changes between plan and move
X04! A file differs from its row when it is moved or destroyed
X05! A file is kept or restored after the purge was planned
X06! The name in the trash is taken; the trash is missing, or a link
X07! A purge too early, with the clock set back, or unconfirmed
X08! A wrong model rejected hundreds of files
X09! A kill at every operation of sorting a person's own folder
X10! A kill at every operation of taking that back
R01! Random rows of this suite, one after another, with random restarts
R02! Random sequences of commands against a small reference model
R03! A kill at every operation of recovery
R04 Eight hours, a hundred thousand posts
R05 A million rows, and a kill
R06 Upgrades from every released version
R07 Several faults at once
"""

NOT_APPLICABLE: Mapping[str, str] = {}  # row: why nothing here can meet that fault


@dataclass(frozen=True, slots=True)
class FaultRow:
    """One row of the fault suite."""

    id: str  # a letter of GROUPS and two digits
    first: bool  # P0: tested before a release, or not applicable with a reason
    fault: str  # what goes wrong

    @property
    def group(self) -> str:
        """The letter of its group."""
        return self.id[0]


def _parsed(line: str) -> FaultRow:
    row_id, _, fault = line.partition(" ")
    return FaultRow(row_id.rstrip("!"), row_id.endswith("!"), fault)


ROWS: Mapping[str, FaultRow] = {row.id: row for row in map(_parsed, _TEXT.strip().splitlines())}
