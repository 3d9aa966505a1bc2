"""Forms that are none: refused in the envelope, nothing kept, no alarm in the log."""

from __future__ import annotations

from pathlib import Path

import pytest
from contract_parts import no_complaints
from shell_parts import open_shell
from video_parts import left_behind

FILE = b'Content-Disposition: form-data; name="file"'
FORMS = {
    "long header": b"--a\r\n" + FILE + b'; x="' + b"y" * 20_000 + b'"\r\n\r\nx\r\n--a--\r\n',
    "many headers": b"--a\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(5000)) + b"\r\nx\r\n--a--\r\n",
    "no header": b"--a\r\nnothing of the kind\r\n\r\nx\r\n--a--\r\n",
    "bad name": b"--a\r\n" + FILE + b"; filename*=utf-8''%ff\r\n\r\nx",
    "bad bytes": b'--a\r\nContent-Disposition: form-data; name="\xff\xfe\x00"\r\n\r\nx\r\n--a--\r\n',
    "form in form": b"--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
    + FILE
    + b"\r\n\r\nx\r\n--b--\r\n--a--",
    "form without boundary": b"--a\r\nContent-Type: multipart/mixed\r\n\r\nx\r\n--a--\r\n",
    "begun": b"--a\r\n",
    "ended": b"--a--\r\n",
    "empty": b"",
    "blank": b"\r\n" * 5000,
    "other field": b'--a\r\nContent-Disposition: form-data; name="other"\r\n\r\n' + b"z" * 300_000 + b"\r\n--a--\r\n",
    "empty file": b"--a\r\n" + FILE + b"\r\n\r\n\r\n--a--\r\n",
}


@pytest.mark.parametrize("name", FORMS)
async def test_what_is_no_form_is_refused(name: str, tmp_path: Path) -> None:
    with no_complaints() as said:
        async with open_shell(tmp_path) as shell:
            url = (await shell.get("/collection/default/upload_url")).data["upload_url"]
            headers = {"Content-Type": "multipart/form-data; boundary=a"}
            status, message = (await shell.call("POST", url, data=FORMS[name], headers=headers)).refusal
            assert status == 400
            assert message.startswith("file: ")
            assert left_behind(tmp_path) == []
            assert (await shell.get("/video")).data == {"videos": []}
    assert not said
