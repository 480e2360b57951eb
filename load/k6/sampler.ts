/** Looks at the metrics of a Beamline's processes once a second while they are under load. */

export interface Sample {
  /** Seconds since 1970. */
  readonly second: number
  readonly cpuSeconds: number
  readonly memoryBytes: number
  readonly openRuns: number
  readonly endedRuns: number
  /** Upper bounds in seconds, and how many commits took at most so long. */
  readonly commits: readonly (readonly [le: number, count: number])[]
}

const INTERVAL_MS = 1000

export class Sampler {
  readonly samples: Sample[] = []
  readonly #urls: readonly string[]
  #timer: NodeJS.Timeout | null = null
  #busy = false

  constructor(urls: readonly string[]) {
    this.#urls = urls
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.#sample(), INTERVAL_MS)
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  async #sample(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    try {
      const texts = await Promise.all(this.#urls.map(metricsOf))
      this.samples.push(sampleOf(texts.join('\n'), Date.now() / 1000))
    } catch {
      // a moment without a sample is a gap in the plot
    } finally {
      this.#busy = false
    }
  }
}

async function metricsOf(url: string): Promise<string> {
  const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) })
  if (!response.ok) throw new Error(`${url}/metrics answered ${response.status}`)
  return response.text()
}

const OPEN = new Set(['accepted', 'running'])

/** From the Prometheus text form, of one process or of several in a row; what is not there counts as 0. */
export function sampleOf(text: string, second: number): Sample {
  let [cpuSeconds, memoryBytes, openRuns, endedRuns] = [0, 0, 0, 0]
  const commits = new Map<number, number>()
  for (const [, name, labels = '', value] of text.matchAll(/^(\w+)(?:\{([^}]*)\})? (\S+)$/gm)) {
    const number = Number(value)
    if (name === 'process_cpu_seconds_total') cpuSeconds += number
    else if (name === 'process_resident_memory_bytes') memoryBytes += number
    else if (name === 'beamline_runs') {
      if (OPEN.has(labelOf(labels, 'status'))) openRuns += number
      else endedRuns += number
    } else if (name === 'beamline_task_commit_seconds_bucket') {
      const label = labelOf(labels, 'le')
      const le = label === '+Inf' ? Number.POSITIVE_INFINITY : Number(label)
      commits.set(le, (commits.get(le) ?? 0) + number)
    }
  }
  return { second, cpuSeconds, memoryBytes, openRuns, endedRuns, commits: [...commits] }
}

function labelOf(labels: string, name: string): string {
  return new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1] ?? ''
}

/** The bucket bound at or below which the share (0..1) of the commits between two samples lies, in seconds; `null` if there were none. */
export function commitQuantile(before: Sample, after: Sample, share: number): number | null {
  const between = after.commits.map(([le, count], index) => [le, count - (before.commits[index]?.[1] ?? 0)] as const)
  const total = between.at(-1)?.[1] ?? 0
  if (total <= 0) return null
  const bounds = between.filter(([le]) => Number.isFinite(le))
  return bounds.find(([, count]) => count >= total * share)?.[0] ?? bounds.at(-1)![0]
}
