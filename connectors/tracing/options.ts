/** What traces are sent with. */
export interface TracingOptions {
  /** Base address of a collector for OTLP over HTTP. `null`: what the standard variables say (`OTEL_EXPORTER_OTLP_ENDPOINT` and so on). */
  readonly endpoint: string | null
  /** Of requests to the collector, e.g. `authorization`. With `endpoint` only. */
  readonly headers: { readonly [name: string]: string }
  /** Share of traces that are sent, 0..1, where the caller has not decided. Failures are always sent. */
  readonly share: number
  /** What this service is called. */
  readonly service: string
  /** Of the resource, e.g. `deployment.environment.name`. */
  readonly attributes: { readonly [name: string]: string }
}

type Variables = { readonly [name: string]: string | undefined }

const OFF: ReadonlySet<string> = new Set(['', 'none'])

/** Whether the standard variables ask for traces. */
export function variablesAskForTraces(variables: Variables): boolean {
  if (OFF.has(variables.OTEL_TRACES_EXPORTER ?? 'otlp')) return false
  return Boolean(variables.OTEL_EXPORTER_OTLP_ENDPOINT || variables.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)
}

/** The standard switch, which beats everything. */
export function variablesForbidTraces(variables: Variables): boolean {
  return variables.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true'
}

/** The share that `OTEL_TRACES_SAMPLER` and its argument say; `null` where they say nothing that is known. */
export function shareOfVariables(variables: Variables): number | null {
  const sampler = variables.OTEL_TRACES_SAMPLER?.replace(/^parentbased_/, '')
  if (sampler === 'always_on') return 1
  if (sampler === 'always_off') return 0
  const share = Number(variables.OTEL_TRACES_SAMPLER_ARG ?? '1')
  return sampler === 'traceidratio' && share >= 0 && share <= 1 ? share : null
}

/** `OTEL_RESOURCE_ATTRIBUTES`: `name=value,...`, with percent escapes. What cannot be read is left out. */
export function attributesOfVariables(variables: Variables): { readonly [name: string]: string } {
  const pairs = (variables.OTEL_RESOURCE_ATTRIBUTES ?? '').split(',').flatMap((pair) => {
    const [name = '', value = ''] = pair.split('=', 2).map((part) => part.trim())
    const decoded = unescaped(value)
    return name === '' || decoded === null ? [] : [[name, decoded] as const]
  })
  return Object.fromEntries(pairs)
}

function unescaped(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
