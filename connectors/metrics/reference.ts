/** Renders `docs/observability.md` from the definitions of the metrics. */
import type { Registry } from 'prom-client'
import type { Logger } from '../logging/logger.ts'
import { createExecutorMetrics } from './executor-metrics.ts'
import { createGpuMetrics } from './gpu-metrics.ts'
import { createGatewayMetrics, createRegistry } from './metrics.ts'
import { createReadModelMetrics } from './read-model-metrics.ts'
import { createStateMetrics } from './state-metrics.ts'
import { createTaskMetrics } from './task-metrics.ts'

const INTRODUCTION = `# Observability

This file is generated from the definitions of the metrics (\`connectors/metrics/\`); a test keeps it up to date.

## Metrics

\`GET /metrics\` answers in the text form of Prometheus, on the gateway and on \`health_port\`. Labels take few values: routes are patterns, error codes beyond 200 are counted
as \`other\`, of tenants the ones with the most work are shown. Names that dashboards of the older systems know are kept where they mean the same.

[\`operations/dashboard.json\`](operations/dashboard.json) is a dashboard for Grafana, [\`operations/alerts.yml\`](operations/alerts.yml) are alert rules for Prometheus, with what to do in
each; tests fire and silence every rule and look for every metric that is named.`

const GROUPS: readonly (readonly [title: string, define: (registry: Registry) => void])[] = [
  ['Requests', (registry) => void createGatewayMetrics(registry)],
  ['Tasks', (registry) => void createTaskMetrics(registry)],
  ['Steps and pools', (registry) => void createExecutorMetrics(registry)],
  ['GPU', (registry) => void createGpuMetrics(registry, SILENT)],
  ['Backlog', (registry) => createStateMetrics(registry, NO_STATE)],
  [
    'Runs and dead letters',
    (registry) => createReadModelMetrics(registry, { counts: () => Promise.reject(new Error('closed')) }),
  ],
]

const silent = (): void => {}
const SILENT: Logger = { debug: silent, info: silent, warn: silent, error: silent, child: () => SILENT }

const NO_STATE = {
  backlog: () => ({ unfinishedRuns: 0, steps: {}, openLetters: 0, operations: {} }),
  undecided: () => 0,
  readModelLag: async () => null,
  streamClients: () => 0,
  capacity: {},
}

const TRACES = `## Traces

Off, and nothing of OpenTelemetry loaded, unless \`tracing.endpoint\` (see [configuration.md](configuration.md)) or \`OTEL_EXPORTER_OTLP_ENDPOINT\` names a collector. Spans:

| span | from | to | parent |
|---|---|---|---|
| \`gateway.http.request\` | arrival | end of the answer | the caller's \`traceparent\` |
| \`run <flow>\` | acceptance | end of the run | the request, or the \`traceparent\` of a record on \`ingest\` |
| \`attempt <step>\` | start of the block | its end | the run |

- A run that comes without a \`traceparent\` is a trace of its own, whose id is the run's id without dashes; the request that submitted it hangs below it.
- Ids of the spans of runs and attempts follow from run, step and attempt: spans after a restart join the same trace, and one that is told twice has one id.
- The blocks \`http\`, \`graphql\`, \`webhook\` and \`kafka.produce\` send \`traceparent\` along, with the attempt as parent. With traces off they pass on what the run came with.
- A run that replays another links to it. The replay of a dead letter goes on in the same trace. The link of a run that was run again as a whole (\`rerun\`) names the trace of the
  old run as if that had had no \`traceparent\`; the link of the request that asked for it names the trace where that run really is. \`beamline.replay_of\` holds its id always.
- Spans hold ids, names and codes of errors, and no payload. Failures are sent even where the share of traces (\`tracing.percent\`) or the caller leaves them out.

## Logs

JSON lines (or readable ones at a terminal). Those that concern a run, a step or an attempt hold \`run_id\`, \`step_id\`, \`attempt\` and \`trace_id\`, which is the trace that spans would be in, also
where none are sent. What is named like a secret is \`[REDACTED]\`, at any depth; control characters are escaped.
`

export async function metricsReference(): Promise<string> {
  const sections = await Promise.all(
    GROUPS.map(async ([title, define]) => {
      const registry = createRegistry({ processMetrics: false })
      define(registry)
      const metrics = await registry.getMetricsAsJSON()
      const rows = metrics.map(({ name, help, type }) => {
        const { labelNames = [] } = registry.getSingleMetric(name) as unknown as { labelNames?: readonly string[] }
        const labels = labelNames.filter((label) => label !== 'le').map((label) => `\`${label}\``)
        return `| \`${name}\` | ${type} | ${labels.join(', ')} | ${help} |`
      })
      return `### ${title}\n\n| metric | kind | labels | meaning |\n|---|---|---|---|\n${rows.join('\n')}`
    }),
  )
  const process = 'Besides, `process_*` and `nodejs_*`: memory, CPU, event loop and garbage collection of the process.'
  return `${[INTRODUCTION, ...sections, process, TRACES].join('\n\n')}`
}
