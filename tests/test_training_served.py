"""Training renders by the template that the counselor's server is started with."""

import pytest

from hybridtune.config import Experiment
from hybridtune.domain import load_domain
from hybridtune.errors import ConfigError
from hybridtune.runs import Run
from training.served import ServingTemplate, serving_template
from training.steps import steps
from training.template import serving_chat

MICRO = "examples/micro"
UPPER = "{% for message in messages %}<|im_start|>{{ message.role | upper }}{% endfor %}"


def experiment(vllm, extra=None):
    roles = {name: {"server": "s"} for name in ("teacher", "patient", "judge")}
    roles["counselor"] = {"server": "gpu", "sampling": {"extra": extra or {}}}
    return Experiment.model_validate(
        {
            "name": "t",
            "model": {"name": MICRO},
            "servers": {"s": {"kind": "scripted"}, "gpu": {"kind": "managed", "vllm": vllm}},
            "roles": roles,
            "corpus": {"paths": ["x"]},
            "variants": {"base": {}, "real": {"real": 1}},
            "evaluation": {"reference": "base"},
        }
    )


def test_by_default_it_is_the_models_own():
    assert serving_template(experiment({})) == ServingTemplate(None, {})


@pytest.mark.parametrize("name", ["chat_template", "chat-template"])
def test_a_template_file_of_the_server_is_read(name, tmp_path):
    (tmp_path / "mine.jinja").write_text(UPPER)
    assert serving_template(experiment({name: str(tmp_path / "mine.jinja")})).text == UPPER
    assert serving_template(experiment({name: UPPER})).text == UPPER


def test_the_requests_arguments_win_over_the_servers():
    server = {"default_chat_template_kwargs": '{"enable_thinking": true, "date_string": "1 May"}'}
    asked = {"chat_template_kwargs": {"enable_thinking": False}}
    assert serving_template(experiment(server, asked)).arguments == {
        "enable_thinking": False,
        "date_string": "1 May",
    }


@pytest.mark.parametrize(
    ("vllm", "message"),
    [
        ({"chat_template": "nowhere.jinja"}, "gpu.vllm.chat_template: no such file: nowhere"),
        ({"default_chat_template_kwargs": "thinking"}, "default_chat_template_kwargs: 'thinking'"),
    ],
)
def test_what_is_no_template_is_told(vllm, message):
    with pytest.raises(ConfigError, match=message):
        serving_template(experiment(vllm))


def test_the_template_is_used_and_another_one_means_another_training(tmp_path):
    template = (
        "{% for message in messages %}{{ '<|im_start|>' + message.role + greeting + '\n' }}"
        "{{ message.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}"
        "{{ '<|im_start|>assistant' + greeting + '\n' }}{% endif %}"
    )
    changed = experiment(
        {"chat_template": template, "default_chat_template_kwargs": {"greeting": " hello"}}
    )
    assert serving_chat(changed, "Listen.").render([]) == (
        "<|im_start|>system hello\nListen.<|im_end|>\n"
    )
    therapy = load_domain("therapy")
    [before] = steps(Run(tmp_path, experiment({})), therapy)
    [after] = steps(Run(tmp_path, changed), therapy)
    assert before.fingerprint() != after.fingerprint()
