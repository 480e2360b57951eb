/** The demo's data: films and flights of the `vega-datasets` package as submissions. What is wrong in the data is left as it is. */
import { readFileSync } from 'node:fs'
import type { Submission } from '../process/api-client.ts'

type Row = { readonly [name: string]: unknown }

const CANDIDATES = 24
/** The discard port, which is closed. */
const NOBODY = 'http://127.0.0.1:9'

function dataset(name: string): readonly Row[] {
  // the package exports its code only; the data files lie beside it
  const file = new URL(`../data/${name}.json`, import.meta.resolve('vega-datasets'))
  return JSON.parse(readFileSync(file, 'utf8')) as Row[]
}

/** One submission per film: its profile, and the films of the same genre it is compared with. */
export function movieSubmissions(sinkUrl: string, count: number): Submission[] {
  const movies = dataset('movies')
  const features = movies.map(featuresOf)
  const byGenre = new Map<unknown, number[]>()
  for (const [index, movie] of movies.entries()) {
    const genre = movie['Major Genre']
    byGenre.set(genre, [...(byGenre.get(genre) ?? []), index])
  }
  return movies.slice(0, count).map((movie, index) => {
    const peers = byGenre.get(movie['Major Genre'])!
    const first = (index * 7) % peers.length
    const chosen = Array.from(
      { length: Math.min(CANDIDATES, peers.length) },
      (_, n) => peers[(first + n) % peers.length]!,
    )
    const candidates = chosen.map((peer) => ({ title: String(movies[peer]!.Title), features: features[peer]! }))
    const item = `movie-${String(index).padStart(4, '0')}`
    const input = { item, sink: sinkUrl, movie, features: features[index]!, candidates }
    return { flow: 'movie', input, idempotency_key: item, metadata: { source: 'ingest topic' } }
  })
}

/** One submission per flight. The first `misaddressed` of them name an address where nobody listens. */
export function flightSubmissions(sinkUrl: string, count: number, misaddressed: number): Submission[] {
  return dataset('flights-2k')
    .slice(0, count)
    .map((flight, index) => {
      const item = `flight-${String(index).padStart(4, '0')}`
      const sink = index < misaddressed ? NOBODY : sinkUrl
      const input = { item, sink, flight }
      return { flow: 'flight', input, idempotency_key: item, metadata: { source: 'gateway' } }
    })
}

/** Six numbers between 0 and 1 that describe a film; what is unknown is in the middle. */
function featuresOf(movie: Row): readonly number[] {
  return [
    scaled(movie['US Gross'], 1e3, 1e9, Math.log),
    scaled(movie['Production Budget'], 1e3, 3e8, Math.log),
    scaled(movie['Running Time min'], 40, 240),
    scaled(movie['Rotten Tomatoes Rating'], 0, 100),
    scaled(movie['IMDB Rating'], 1, 10),
    scaled(movie['IMDB Votes'], 10, 6e5, Math.log),
  ]
}

function scaled(value: unknown, low: number, high: number, scale: (x: number) => number = (x) => x): number {
  if (typeof value !== 'number') return 0.5
  const share = (scale(Math.max(value, low)) - scale(low)) / (scale(high) - scale(low))
  return Math.round(Math.min(1, share) * 1000) / 1000
}

/** As the flow decides it. */
function isLate(flight: { readonly delay: number }): boolean {
  return flight.delay > 15
}

/** What must have been delivered in the end, each once: all films but those without a title, all flights, a notice for each late one. */
export function expectedItems(films: readonly Submission[], flights: readonly Submission[]): ReadonlySet<string> {
  const items = new Set<string>()
  for (const { input } of films) {
    const { item, movie } = input as { item: string; movie: { Title: unknown } }
    if (movie.Title !== null) items.add(item)
  }
  for (const { input } of flights) {
    const { item, flight } = input as { item: string; flight: { delay: number } }
    items.add(item)
    if (isLate(flight)) items.add(`${item}-notice`)
  }
  return items
}
