"""python -m sandbox.tools: finds or builds what the sandbox runs. Standard library only: it runs beside pip."""

import sys

from sandbox import tools

try:
    tools.ensure("pulumi", "kube-apiserver", "etcd")
    tools.istio_crds()
except tools.ToolError as error:
    sys.exit(str(error))
