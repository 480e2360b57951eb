/** How often each fault has struck. A fault that never did has tested nothing. */
export class Struck {
  readonly counts = new Map<string, number>()

  count(what: string, times = 1): void {
    if (times > 0) this.counts.set(what, (this.counts.get(what) ?? 0) + times)
  }

  of(what: string): number {
    return this.counts.get(what) ?? 0
  }
}
