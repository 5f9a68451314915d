/** What a node needs to speak TLS; all are PEM. */
export interface NodeCertificate {
  readonly certificate: string
  readonly key: string
  /** Certificates that its peers trust. */
  readonly authority: string
  /** Milliseconds since 1970. */
  readonly issuedAt: number
  readonly endsAt: number
}

export interface AuthorityTerm {
  /** Milliseconds since 1970. */
  readonly endsAt: number
  /** Larder renews it in time; what a user has brought only the user can. */
  readonly renewable: boolean
}

export interface Certificates {
  /** What clients have to trust, PEM. */
  readonly bundle: string
  /** Makes the authority where there is none, and renews it where that is due. All but `term` do it as well. Throws `store-corrupt`. */
  prepare(): void
  /** Until when the authority signs; null: there is none yet. */
  term(): AuthorityTerm | null
  /**
   * `places` are the names and addresses at which the node is reached. `fixed`: it cannot get another one while it runs, and this one is good for as long
   * as the authority.
   */
  issue(subject: string, places: readonly string[], fixed?: boolean): NodeCertificate
}
