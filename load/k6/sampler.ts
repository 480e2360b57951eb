/** Looks at a Beamline's metrics once a second while it is under load. */

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
  readonly #url: string
  #timer: NodeJS.Timeout | null = null
  #busy = false

  constructor(url: string) {
    this.#url = url
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
      const response = await fetch(`${this.#url}/metrics`, { signal: AbortSignal.timeout(5_000) })
      if (response.ok) this.samples.push(sampleOf(await response.text(), Date.now() / 1000))
    } catch {
      // a moment without a sample is a gap in the plot
    } finally {
      this.#busy = false
    }
  }
}

const OPEN = new Set(['accepted', 'running'])

/** From the Prometheus text form; what is not there counts as 0. */
export function sampleOf(text: string, second: number): Sample {
  let [cpuSeconds, memoryBytes, openRuns, endedRuns] = [0, 0, 0, 0]
  const commits: (readonly [number, number])[] = []
  for (const [, name, labels = '', value] of text.matchAll(/^(\w+)(?:\{([^}]*)\})? (\S+)$/gm)) {
    const number = Number(value)
    if (name === 'process_cpu_seconds_total') cpuSeconds = number
    else if (name === 'process_resident_memory_bytes') memoryBytes = number
    else if (name === 'beamline_runs') {
      if (OPEN.has(labelOf(labels, 'status'))) openRuns += number
      else endedRuns += number
    } else if (name === 'beamline_task_commit_seconds_bucket') {
      const le = labelOf(labels, 'le')
      commits.push([le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), number])
    }
  }
  return { second, cpuSeconds, memoryBytes, openRuns, endedRuns, commits }
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
