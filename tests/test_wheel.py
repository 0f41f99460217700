"""What is installed from the built wheel is the whole plugin, and needs nothing else."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

HOST = """
from flask import Flask
from flask_login import LoginManager, UserMixin, login_user
from flask_sqlalchemy import SQLAlchemy

from flask_platform_users import PlatformUsers, Policy, Status, Users

db = SQLAlchemy()


class User(UserMixin, db.Model):
    id = db.Column(db.Integer, primary_key=True)
    platform_id = db.Column(db.Integer)
    name = db.Column(db.String)
    status = db.Column(db.String)


class Everyone(Policy):
    def platform_of(self, actor):
        return actor.platform_id


app = Flask(__name__)
app.config.update(SECRET_KEY="secret", SQLALCHEMY_DATABASE_URI="sqlite://")
db.init_app(app)
login_manager = LoginManager(app)
login_manager.user_loader(lambda key: db.session.get(User, int(key)))
PlatformUsers(
    db,
    users=Users(
        User,
        platform=User.platform_id,
        username=User.name,
        email=User.name,
        status=Status.column(User.status),
    ),
    policy=Everyone(),
).init_app(app)
app.add_url_rule("/enter", view_func=lambda: str(login_user(db.session.get(User, 1))))

with app.app_context():
    db.create_all()
    db.session.add(User(id=1, platform_id=1, name="Only one", status="active"))
    db.session.commit()

client = app.test_client()
client.get("/enter")
page = client.get("/platform/users/")
style = client.get("/platform/users/static/platform_users.css")
import flask_platform_users

print(page.status_code, "Only one" in page.text, style.status_code, flask_platform_users.__file__)
"""


def test_the_built_wheel_opens_the_page_and_suggests_a_mapping_in_an_empty_environment(
    tmp_path: Path,
) -> None:
    run(
        *(
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "--outdir",
            tmp_path / "dist",
        ),
        cwd=ROOT,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    python = empty_environment(tmp_path / "elsewhere")
    run(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=tmp_path)
    (tmp_path / "host.py").write_text(HOST)
    answer = run(python, "host.py", cwd=tmp_path).split(maxsplit=3)
    assert answer[:3] == ["200", "True", "200"]
    assert Path(answer[3].strip()).is_relative_to(tmp_path / "elsewhere")
    compiled = "from flask_platform_users.i18n import TRANSLATIONS as t; print(*t.rglob('*.mo'))"
    languages = run(python, "-c", compiled, cwd=tmp_path).split()
    assert {Path(path).parts[-3] for path in languages} == {"ar", "es", "hi", "pt"}
    (tmp_path / "unmounted.py").write_text(HOST.partition("PlatformUsers(\n")[0])
    command = ("-m", "flask", "--app", "unmounted", "platform-users", "suggest", "User")
    assert "platform=User.platform_id," in run(python, *command, cwd=tmp_path)


def empty_environment(path: Path) -> Path:
    """Make an environment that sees our dependencies (there is no network) but not our checkout."""
    venv.create(path, with_pip=True)
    python = path / "bin" / "python"
    (site,) = (path / "lib").glob("python*/site-packages")
    for package in Path(run_here("import flask; print(flask.__file__)")).parent.parent.iterdir():
        if "flask_platform_users" not in package.name and package.suffix != ".pth":
            target = site / package.name
            if not target.exists():
                target.symlink_to(package)
    return python


def run_here(code: str) -> str:
    return run(sys.executable, "-c", code, cwd=ROOT).strip()


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"{command} said:\n{done.stdout}\n{done.stderr}")
    return done.stdout
