.PHONY: setup demo test lint
setup:
	bash scripts/setup.sh --dev
demo:
	bash scripts/demo.sh
test:
	bash scripts/test.sh
lint: setup
	.venv/bin/ruff check --fix . && .venv/bin/ruff format . && .venv/bin/mypy
