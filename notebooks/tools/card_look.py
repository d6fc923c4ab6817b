"""How a card looks in Anki: for each kind its fields, its front and its back; one style for all.

After a change here delete notebooks/cards.apkg: make_cards.py looks at the words alone.
"""

PREDICTION = (
    ("Where", "Before", "Question", "Options", "Answer", "Why"),
    '<div class="where">{{Where}}</div>'
    '{{#Before}}<div class="before">{{Before}}</div>{{/Before}}'
    '<div class="question">{{Question}}</div><ol>{{Options}}</ol>',
    '{{FrontSide}}<hr id="answer"><p class="answer">({{Answer}})</p>{{Why}}',
)
TERM = (
    ("Term", "Meaning", "Home"),
    '<div class="where">What is it?</div><div class="term">{{Term}}</div>',
    '{{FrontSide}}<hr id="answer">{{Meaning}}<div class="where">lesson {{Home}}</div>',
)
SYMBOL = (
    ("Symbol", "Names"),
    '<div class="where">Shape, and its names in code, in the papers, in PEFT?</div>'
    '<div class="term">{{Symbol}}</div>',
    '{{FrontSide}}<hr id="answer">{{Names}}',
)
TEMPLATES = {"prediction": PREDICTION, "term": TERM, "symbol": SYMBOL}

CSS = """
.card { font: 18px/1.45 Georgia, serif; max-width: 36em; margin: 0 auto; text-align: left;
        color: #1a1a1a; background: #fff; }
.where { font: 13px sans-serif; color: #777; margin: 0.6em 0; }
.before { font-size: 16px; color: #555; border-left: 3px solid #ddd; padding-left: 0.8em; }
.question { font-weight: bold; margin: 1em 0 0.4em; }
ol { list-style: none; counter-reset: option; padding-left: 0; }
ol > li { counter-increment: option; padding-left: 2em; text-indent: -2em; margin: 0.3em 0; }
ol > li::before { content: "(" counter(option, lower-alpha) ")"; display: inline-block;
                  width: 2em; text-indent: 0; color: #0072B2; }
li p { display: inline; }
.answer { font-weight: bold; color: #0072B2; font-size: 20px; margin-bottom: 0; }
.term { font-size: 30px; font-weight: bold; text-align: center; margin: 1em 0; }
table { border-collapse: collapse; margin: 0 auto; color: inherit; }
th { text-align: right; font: 13px sans-serif; color: #777; padding: 4px 12px 4px 0; }
td { padding: 4px 0; }
td p { margin: 0; }
code { font-size: 0.88em; }
.nightMode.card, .nightMode .card { color: #e8e8e8; background: #1e1e1e; }
.nightMode .before { color: #b5b5b5; border-color: #444; }
.nightMode .answer, .nightMode ol > li::before { color: #56B4E9; }
"""
