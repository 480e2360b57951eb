/**
 * Makes the thread's clock stand still, in UTC. The sandbox asks the thread's `Date` for the time, the time zone, and the seed of its random
 * numbers, so all of them are what they are set to here, in every time zone alike.
 */
const RealDate = Date
let nowMs = 0

export function setClock(ms: number): void {
  nowMs = ms
}

class FixedDate extends RealDate {
  constructor(...args: number[]) {
    if (args.length === 0) super(nowMs)
    else if (args.length === 1) super(args[0]!)
    else super(RealDate.UTC(...(args as [number, number])))
  }
  static override now(): number {
    return nowMs
  }
  override getTimezoneOffset(): number {
    return 0
  }
  override getFullYear(): number {
    return this.getUTCFullYear()
  }
  override getMonth(): number {
    return this.getUTCMonth()
  }
  override getDate(): number {
    return this.getUTCDate()
  }
  override getDay(): number {
    return this.getUTCDay()
  }
  override getHours(): number {
    return this.getUTCHours()
  }
  override getMinutes(): number {
    return this.getUTCMinutes()
  }
  override getSeconds(): number {
    return this.getUTCSeconds()
  }
}

export function stopClock(): void {
  globalThis.Date = FixedDate as unknown as DateConstructor
}
