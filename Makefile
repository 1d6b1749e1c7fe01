# What a newcomer does: `make up`, `make test`. Needs Python 3.11 or newer; everything else sets itself up.
# stdout of render, export and outputs is only what was asked for; all else goes to stderr.

STACK = dev
PYTHON = python3
VENV = .venv
RUN = $(VENV)/bin/python
READY = $(VENV)/.ready
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.PHONY: help install tools ready up preview policies doctor refresh destroy clean render export outputs explain reach verify diff drift evidence map lint test fuzz mutants prove bench bench-mesh golden schema

help: ## List what there is
	@echo "make TARGET [STACK=dev]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

up: ready ## Bring the stack up on this machine: real engine, real API server, a stand-in for Google Cloud
	@$(RUN) -m sandbox up --stack '$(STACK)'

preview: ready ## Show what `make up` would change
	@$(RUN) -m sandbox preview --stack '$(STACK)'

policies: ready policies/.venv/.ready ## Show what `make up` would change, and whether the policy pack lets it
	@$(RUN) -m sandbox preview --stack '$(STACK)' --policy-pack policies

doctor: ready ## Ask what would stop the first `up`, of the stand-in for Google Cloud
	@$(RUN) -m sandbox doctor --stack '$(STACK)'

refresh: ready ## Look for what was changed behind the stack's back
	@$(RUN) -m sandbox refresh --stack '$(STACK)'

destroy: ready ## Destroy the stack, and check that nothing is left
	@$(RUN) -m sandbox destroy --stack '$(STACK)'

clean: ## Stop the sandbox's processes and delete all it keeps
	@$(NEW_ENOUGH)
	@$(PYTHON) -m sandbox clean

explain: $(READY) ## What happens to a flow, layer by layer [TEAM=team-x URL=https://example.com/path METHOD=POST AS=gateway-node]
	@$(if $(and $(TEAM),$(URL)),,echo "Name both: make explain TEAM=team-x URL=https://example.com/path" 1>&2; exit 2)
	@$(RUN) -m egress explain --stack '$(STACK)' '$(TEAM)' '$(URL)' $(if $(METHOD),--method '$(METHOD)') $(if $(filter default undefined,$(origin AS)),,--as '$(AS)') \
		|| [ $$? -eq 1 ] # A denied flow is an answer, not a failure of make.

reach: $(READY) ## Who can reach what, by which way, and who decides [TEAM=team-x]
	@$(RUN) -m egress reach --stack '$(STACK)' $(if $(TEAM),--team '$(TEAM)')

diff: $(READY) ## Who gains and who loses what, in words [OLD=main NEW=HEAD; a git ref, a folder, a stack export]
	@$(RUN) -m egress diff --stack '$(STACK)' $(or $(OLD),HEAD) $(NEW)

drift: $(READY) ## What lives in the sandbox's cluster otherwise than the config says [KUBECONFIG=path: in another one]
	@$(RUN) -m egress drift --stack '$(STACK)' --kubeconfig '$(or $(KUBECONFIG),$(or $(EGRESS_SANDBOX_HOME),.sandbox)/apiserver/kubeconfig)'

verify: $(READY) ## Prove that the rendered objects do what the config says, and nothing else
	@$(RUN) -m egress verify --stack '$(STACK)'

evidence: $(READY) ## For an auditor: who may reach what, through which controls, with digests (JSON) [FORMAT=markdown]
	@$(RUN) -m egress evidence --stack '$(STACK)' $(if $(FORMAT),--format $(FORMAT))

map: $(READY) ## Write a page that shows who may reach what, and who decides [OUT=egress-map.html]
	@$(RUN) -m egress map --stack '$(STACK)' $(if $(OUT),--out $(OUT))

render: $(READY) ## Print every Kubernetes object of the stack (YAML); needs no engine
	@$(RUN) -m egress render --stack '$(STACK)'

export: $(READY) ## Print the sandbox stack's state as Pulumi exports it (JSON)
	@$(RUN) -m sandbox export --stack '$(STACK)'

outputs: $(READY) ## Print the sandbox stack's outputs (JSON)
	@$(RUN) -m sandbox outputs --stack '$(STACK)'

lint: $(READY) ## Check style and types
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/basedpyright
	@$(RUN) -m egress schema --check
	@$(RUN) -m egress refusals --check
	@$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(VENV)/bin/zizmor --offline --quiet .github/workflows

test: ready policies/.venv/.ready ## Run every test
	@$(RUN) -m pytest -q -n 2 --dist loadfile --ignore tests/mesh
	@$(RUN) -m pytest -q tests/mesh

fuzz: ready ## Try the commands, the config and the advice at random [MINUTES=10] [SEED=1]
	@$(RUN) -m tests.fuzz --minutes '$(or $(MINUTES),10)' $(if $(SEED),--seed '$(SEED)')

mutants: $(READY) ## Plant errors in the judges' source and count what the tests kill [MODULE=routes] [TESTS=tests/judge/test_routes*.py] [SAMPLE=200] [SEED=7]
	@$(RUN) -m tests.mutation $(if $(MODULE),--module '$(MODULE)') $(if $(TESTS),--tests '$(TESTS)') $(if $(SAMPLE),--sample '$(SAMPLE)') $(if $(SEED),--seed '$(SEED)')

prove: ready ## Send the tutorial's requests through real proxies and print what came of them [KEEP=1] [REDTEAM=1]
	@$(RUN) -m tests.mesh.prove $(if $(KEEP),--keep) $(if $(REDTEAM),--redteam)

bench: ready ## Measure
	@$(RUN) -m bench

bench-mesh: ready ## Measure what the way out costs on real proxies
	@$(RUN) -m bench.mesh

golden: $(READY) ## Write the golden files, the tables of docs/redteam.md and the output in docs/commands.md anew
	@$(RUN) -m pytest -q tests/program tests/docs/test_redteam_catalogue.py tests/cli/test_commands.py --regenerate-golden

schema: $(READY) ## Write the JSON Schemas (stack files, the contract, the evidence) and the tables of docs/config.md
	@$(RUN) -m egress schema

install: $(READY) ## Install the Python packages into .venv
	@:

# Packages and tools at the same time: the one waits for the network, the other for the compiler.
ready:
	@$(NEW_ENOUGH)
	@$(MAKE) -s -j 2 $(READY) tools 1>&2

tools: ## Find or build the tools that the sandbox runs
	@$(NEW_ENOUGH)
	@$(PYTHON) -m sandbox.tools 1>&2

$(READY): $(wildcard requirements*.txt constraints.txt)
	@$(NEW_ENOUGH)
	@$(PYTHON) -m sandbox.tools.venv $(VENV) requirements-dev.txt egress 1>&2

policies/.venv/.ready: policies/requirements.txt
	@$(NEW_ENOUGH)
	@$(PYTHON) -m sandbox.tools.venv policies/.venv policies/requirements.txt 1>&2

NEW_ENOUGH = $(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(1)' 2> /dev/null || \
	{ echo "Python 3.11 or newer is needed, and $(PYTHON) is not. Name one: make PYTHON=/path/to/python3.12" 1>&2; exit 1; }
