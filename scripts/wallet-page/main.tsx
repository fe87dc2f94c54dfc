/** The wallet page. It runs in a browser, as one script that build.ts makes of this file and of those it imports. */
import { render } from 'preact'
import { App } from './app.tsx'

const root = document.getElementById('app')
if (root) {
  root.replaceChildren()
  render(<App />, root)
}
