/**
 * Keys by a number that grows as they arrive. Adding at the end and finding cost O(log n) at most; removing moves what comes behind, which for
 * the sizes that letters are bounded to is one fast copy.
 */
export interface OrderedKeys {
  readonly size: number
  /** The first key whose number is above `order`. */
  after(order: number): OrderedKey | undefined
  add(order: number, key: string): void
  remove(order: number): void
}

export interface OrderedKey {
  readonly order: number
  readonly key: string
}

export function createOrderedKeys(): OrderedKeys {
  const entries: OrderedKey[] = []

  function firstAbove(order: number): number {
    let from = 0
    let to = entries.length
    while (from < to) {
      const middle = (from + to) >> 1
      if (entries[middle]!.order > order) to = middle
      else from = middle + 1
    }
    return from
  }

  return {
    get size() {
      return entries.length
    },
    after: (order) => entries[firstAbove(order)],
    add(order, key) {
      const last = entries[entries.length - 1]
      if (last === undefined || last.order < order) entries.push({ order, key })
      else entries.splice(firstAbove(order), 0, { order, key })
    },
    remove(order) {
      const at = firstAbove(order) - 1
      if (entries[at]?.order === order) entries.splice(at, 1)
    },
  }
}
