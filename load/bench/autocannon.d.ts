/** The part of autocannon that the benchmarks use; the package brings no types. */
declare module 'autocannon' {
  export interface Options {
    readonly url: string
    readonly method: 'POST'
    readonly headers: { readonly [name: string]: string }
    readonly body: string
    readonly connections: number
    /** Seconds; or `amount`. */
    readonly duration?: number
    /** Requests, all connections together. */
    readonly amount?: number
    /** Seconds for an answer; default 10. */
    readonly timeout?: number
  }
  export interface Result {
    readonly '2xx': number
    readonly non2xx: number
    readonly errors: number
    readonly duration: number
    /** Milliseconds. */
    readonly latency: { readonly p50: number; readonly p99: number }
  }
  /** A load under way. */
  export interface Instance extends PromiseLike<Result> {
    /** Each second: answers since the last. */
    on(event: 'tick', listener: (tick: { readonly counter: number }) => void): this
  }
  export default function autocannon(options: Options): Instance
}
