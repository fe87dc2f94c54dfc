/** `npm run alerts`: open alerts and quarantined logs, and what a person decides about them. */
import './stack/forget-shell.ts'
import { decisionOf } from './alerts/decide.ts'
import { list } from './alerts/list.ts'
import { listMadeSince, timeOf } from './alerts/made-since.ts'
import { argumentsOf, command, UsageError } from './stack/command.ts'
import { asOwner } from './stack/owner.ts'

const USAGE = `usage: npm run alerts                                            open alerts, quarantined logs, debts and deposits of unknown tokens
       npm run alerts -- resolve <alert id> --why "…"
       npm run alerts -- retry <tx hash> [<log>] --why "…"        process a quarantined log again
       npm run alerts -- resolve-log <tx hash> [<log>] --why "…"  it was dealt with by hand
       npm run alerts -- book <tx hash> [<log>] --why "…"         take what the vault paid without a signature of ours
       npm run alerts -- void <withdrawal id> --why "…"           give back what can never be paid: its nonce was used
       npm run alerts -- accept-counter <account> <n> [<vault>] --why "…"
                                                                  its nonces below n are booked, or another system's
       npm run alerts -- rescan <from block> --why "…"            read the vault's logs again from there
       npm run alerts -- explain <token> <amount> [<vault>] --why "…" [--by "…"]
                                                                  so much came to the vault without a deposit
       npm run alerts -- write-off <token> <amount> [<vault>] --why "…" [--by "…"]
                                                                  so much is missing: it left without an event
       npm run alerts -- take-back …                              the same, where an explained surplus was a deposit after all
       npm run alerts -- settle-debt <debt id> --why "…"          what was paid on chain and given back has been made good
       npm run alerts -- returned <deposit id> --why "…"          an unsupported deposit was sent back: never credit it
       npm run alerts -- disown <vault> [<chain id>] --why "…" [--by "…"] [--not-ours]
                                                                  give back what is signed for a vault that is none of yours
       npm run alerts -- made-since <time>                        API keys, agents and subaccounts made since a login was stolen
       npm run alerts -- end-made-since <time> --why "…"          ends all of these, and brings their coins back
A transaction with more than one quarantined log needs the log's name, as the list shows it.`

const WORDS_MAX = 5

await command(async () => {
  const { values, words } = argumentsOf({
    usage: USAGE,
    options: {
      why: { type: 'string' },
      by: { type: 'string' },
      'not-ours': { type: 'boolean', default: false },
    },
    words: [0, WORDS_MAX],
  })
  const [why, by] = [values.why?.trim(), values.by?.trim() || undefined]
  if (words.length === 0) {
    if (why !== undefined || by !== undefined || values['not-ours']) throw new UsageError(USAGE)
    return await asOwner(list)
  }
  if (words[0] === 'made-since') {
    const time = words.length === 2 ? timeOf(words[1] ?? '') : undefined
    if (time === undefined || why !== undefined)
      throw new UsageError(
        `made-since: give a time of the past like 2026-11-27T10:00:00Z, and nothing else\n${USAGE}`,
      )
    return await asOwner(async (query) => await listMadeSince(query, time))
  }
  const decide = decisionOf(words, USAGE)
  if (!why) throw new UsageError(`${words[0]}: say --why "…", for whoever reads it later\n${USAGE}`)
  if (values['not-ours'] && words[0] !== 'disown')
    throw new UsageError(`--not-ours is for disown only\n${USAGE}`)
  await asOwner(async (query) => console.log(await decide(query, { why, by, notOurs: values['not-ours'] })))
})
