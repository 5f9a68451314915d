/** Who may open connections to the addresses of one group. */
export interface Guard {
  /** `us-east-1/rg/demo` */
  readonly group: string
  /** Of nodes and endpoints. They always reach each other. */
  readonly addresses: readonly string[]
  readonly allows: readonly Allowance[]
  /** The bus of a sharded group: whoever reaches it may speak in the name of a node, so it is for its members alone, whatever is allowed. */
  readonly bus?: number
  /** Nobody has asked for it: where it cannot be put in force the group goes on without. */
  readonly optional?: true
}

/** What none allows is refused. */
export interface Allowance {
  /** First and last port, both included; null: every port. */
  readonly ports: { readonly from: number; readonly to: number } | null
  /** IPv4 networks (`10.0.0.0/8`); none is within another. */
  readonly networks: readonly string[]
  /** Addresses of nodes, in none of the networks. */
  readonly nodes: readonly string[]
}

/** Guards outlive Larder, are put back when somebody else takes them away, and cost nothing where there are none. All calls may be repeated. */
export interface Firewall {
  /** These guards and no others, in one step. Rejects with `machine` where they cannot be put in force; what was in force then stays so. */
  apply(guards: readonly Guard[]): Promise<void>
  /** Ends all of it. */
  clear(): Promise<void>
  /** Why guards cannot be put in force here; null where they can, and where this home takes groups without. */
  whyUnguarded(): Promise<string | null>
}
