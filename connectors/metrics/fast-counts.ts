/**
 * A counter and a histogram for what happens with every request: a series, once looked up, is counted in plain numbers, and turned into what prom-client shows when metrics
 * are read. `inc` and `observe` of the package look labels and buckets up anew each time.
 */
import { Counter, type CounterConfiguration, type Metric, type Registry } from 'prom-client'

type Labels<L extends string> = { readonly [label in L]: string }

/** `series` gives what counts one more. */
export function fastCounter<L extends string>(
  configuration: CounterConfiguration<L>,
): (labels: Labels<L>) => () => void {
  const all: { readonly labels: Labels<L>; count: number }[] = []
  new Counter<L>({
    ...configuration,
    collect() {
      this.reset()
      for (const { labels, count } of all) this.inc(labels, count)
    },
  })
  return (labels) => {
    const series = { labels, count: 0 }
    all.push(series)
    return () => {
      series.count++
    }
  }
}

interface Observations<L extends string> {
  readonly labels: Labels<L>
  /** By bucket, of the values that are in it and in none before; the last: beyond all of them. */
  readonly counts: Float64Array
  sum: number
}

export interface FastHistogramConfiguration<L extends string> {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly L[]
  /** Upper ends, ascending. */
  readonly buckets: readonly number[]
}

/** `series` gives what observes a value. */
export function fastHistogram<L extends string>(
  registry: Registry,
  { name, help, labelNames, buckets }: FastHistogramConfiguration<L>,
): (labels: Labels<L>) => (value: number) => void {
  const all: Observations<L>[] = []
  const shown = { name, help, type: 'histogram', aggregator: 'sum' }
  const metric = {
    ...shown,
    labelNames,
    get: async () => ({ ...shown, values: all.flatMap((series) => valuesOf(name, buckets, series)) }),
    reset: () => {
      for (const series of all) {
        series.counts.fill(0)
        series.sum = 0
      }
    },
  }
  // all that a registry asks of a metric; the package's types want one of its own classes
  registry.registerMetric(metric as unknown as Metric)
  return (labels) => {
    const series = { labels, counts: new Float64Array(buckets.length + 1), sum: 0 }
    all.push(series)
    return (value) => {
      let bucket = 0
      while (bucket < buckets.length && value > buckets[bucket]!) bucket++
      series.counts[bucket]! += 1
      series.sum += value
    }
  }
}

function valuesOf<L extends string>(
  name: string,
  buckets: readonly number[],
  { labels, counts, sum }: Observations<L>,
) {
  let below = 0
  const each = [...counts].map((count, index) => {
    below += count
    return { metricName: `${name}_bucket`, labels: { le: buckets[index] ?? '+Inf', ...labels }, value: below }
  })
  return [
    ...each,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: below },
  ]
}
