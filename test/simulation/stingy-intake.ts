/** An intake that is hot now and then for no reason: submissions are read and left lying. */
import type { Environment } from '../../topology/environment.ts'
import { Intake } from '../../topology/task/intake.ts'
import type { Prng } from './prng.ts'

const LONGEST_MS = 400

export class StingyIntake extends Intake {
  readonly #random: Prng
  readonly #probability: () => number
  readonly #now: () => number
  #untilMs = 0

  constructor(environment: Environment, random: Prng, probability: () => number) {
    super(environment)
    this.#random = random
    this.#probability = probability
    this.#now = () => environment.monotonic()
  }

  override allowanceMs(): number {
    if (this.#now() < this.#untilMs) return 0
    if (!this.#random.chance(this.#probability())) return Number.POSITIVE_INFINITY
    this.#untilMs = this.#now() + this.#random.int(LONGEST_MS)
    return 0
  }

  override get retryMs(): number {
    return Math.max(1, this.#untilMs - this.#now())
  }
}
