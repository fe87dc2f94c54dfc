/** An amount of a token, which says at once what is wrong with it. */
import { useId } from 'preact/hooks'
import { amountProblem, grouped, type Bounds } from './amounts.ts'

interface Props {
  value: string
  bounds: Bounds
  onInput: (value: string) => void
}

export function AmountField({ value, bounds, onInput }: Props) {
  const id = useId()
  const { symbol, available } = bounds
  const problem = value === '' ? undefined : amountProblem(value, bounds)
  const told = problem ?? (available === undefined ? ' ' : `${grouped(available)} ${symbol} available`)
  return (
    <div class="field">
      <label for={id}>Amount</label>
      <div class={`boxed ${problem === undefined ? '' : 'wrong'}`}>
        <input
          id={id}
          name="amount"
          inputMode="decimal"
          autocomplete="off"
          spellcheck={false}
          placeholder="0"
          value={value}
          aria-invalid={problem !== undefined}
          aria-describedby={`${id}-told`}
          onInput={(event) => onInput(event.currentTarget.value.trim())}
        />
        <span class="unit">{symbol}</span>
        {available !== undefined && (
          <button type="button" class="quiet" onClick={() => onInput(available)}>
            Max
          </button>
        )}
      </div>
      <small id={`${id}-told`} class={problem === undefined ? '' : 'problem'}>
        {told}
      </small>
    </div>
  )
}
