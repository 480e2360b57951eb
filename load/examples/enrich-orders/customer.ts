export interface Customer {
  readonly id: string
  readonly name: string
  readonly country: string
  /** 0 to 1. */
  readonly discount: number
}
