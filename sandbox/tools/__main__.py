"""python -m sandbox.tools: finds or builds what the sandbox runs. Standard library only: it runs beside
pip."""

import sys

from sandbox import tools
from sandbox.tools import cache

try:
    tools.ensure("pulumi", "kube-apiserver", "etcd")
    tools.istio_crds()
except tools.ToolError as error:
    sys.exit(str(error))
except OSError as error:
    sys.exit(cache.where_else(error))
except KeyboardInterrupt:
    sys.exit("stopped; the next run goes on from here")
