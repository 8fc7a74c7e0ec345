"""Lines with what must be found in them, and lines in which nothing must be found.

All written for this project, nobody real in them: numbers are from ranges that nobody gets.
`[[kind:words]]` marks a span; a line of several utterances has " // " between them. The lines
were written before the rules that they test.
"""

import re
from typing import NamedTuple

LINES = """
Hi, [[name:Priya]]. Thanks for coming in today.
So my name is [[name:Mark]] and I have been sober for six weeks.
You can call me [[name:Lizzie]], everybody does.
I saw Dr. [[name:Brown]] about it and then Dr. [[name:Okonkwo]] took over.
It was my sister [[name:Joanna]] who drove me here.
I was at [[name:Will]]'s place when it happened, and [[name:Will]], he just lost it.
My husband, [[name:Terrence]], thinks I am overreacting.
What is your name? // [[name:Grace]].
Well, [[name:Hope]], how did the week go?
I'm [[name:Kasimir Baranov]], I run the Tuesday group.
Mrs. [[name:Vandermeer]] from next door looks after [[name:Tobias]] on Fridays.
Then [[name:Danielle]] and I split up, and [[name:Danielle]]'s mother stopped calling.
My therapist before you was called [[name:Rosalind Achterberg]].
That is hard, [[name:Malik]]. What did you say to him?
hi [[name:sarah]] thanks for coming in today how was your week
yeah my name is [[name:marcus]] and my brother [[name:devon]] lives with me
Hit the road, [[name:Jack]], she said, and that was that.
Nurse [[name:Adeyemi]] told me to sit down, and Mr. [[name:Fields]] left the room.
I live at [[street:42 Maple Street]] with my two kids.
We moved to [[street:1187 North Harlan Avenue, Apt 3B]] last spring.
He waited outside the house on [[street:Birchwood Lane]].
Send it to [[street:P.O. Box 4417]], that is where my mail goes.
I grew up in [[city:Cincinnati]] and never really left.
We drove from [[city:Toledo]] to [[city:Auckland]], no, I mean she flew to [[city:Auckland]].
She is still down in [[city:Wexcombe]] with her mother.
Everyone in [[city:Harlan County]] knows my dad.
My zip code is [[zip:90210]], if you need it for the form.
It is [[city:Springfield]], Illinois [[zip:62704]].
i live in [[city:seattle]] but i am from [[city:milwaukee]]
The accident was on [[date:March 14th, 2019]], around noon.
I was born on [[date:07/22/1984]], so I turn forty this year.
My last drink was [[date:the third of November]].
He died [[date:June 2nd]] and I still set a plate for him.
I have been clean since [[date:2021-08-30]].
We got married [[date:may fifth two thousand eleven]] in her parents' garden.
The hearing is on [[date:12 September]].
She is [[age:94 years old]] and still does her own shopping.
My grandmother just turned [[age:ninety-three]].
My [[age:97-year-old]] neighbour brings me soup.
You can reach me at [[phone:(212) 555-0147]] after six.
My cell is [[phone:415.555.0188]], but do not leave a message.
Her number is [[phone:five five five, oh one two three]], she said I could call.
Call me on [[phone:+44 7700 900123]] if anything changes.
It's [[phone:two one two, five five five, oh one nine nine]].
Fax it to [[fax:312-555-0166]], attention records.
Just write to [[email:dana.k@example.com]], I read it every day.
It is [[email:jane dot doe at gmail dot com]], all one word.
My email? [[email:sunny underscore side at yahoo dot co dot uk]].
My social is [[ssn:987-65-4321]], I know I should not say it out loud.
They only asked for the last four of my social, [[ssn:4321]].
My social security number is [[ssn:nine eight seven, six five, four three two one]].
The chart says MRN [[record:00482913]].
My medical record number is [[record:A-77123]], it is on the bracelet.
The member ID on the card is [[plan:XQZ880412776]].
They said policy number [[plan:HB-339-20417]] had lapsed.
What is your Medicaid number? // It's [[plan:8841 220 913]].
My account number is [[account:000123456789]] and they froze it.
He used my card, [[account:4111 1111 1111 1111]], for the slots.
It is the card ending in [[account:4242]].
They took my driver's license, number [[licence:D4471-8820-1193]].
Her nursing license number is [[licence:RN558120]].
The guy's license plate was [[vehicle:7KLM 482]].
The VIN is [[vehicle:1HGCM82633A004352]], it is on the dashboard.
My pump's serial number is [[device:PX-40-99127]].
I wrote it all down at [[url:https://quiet-harbour-diary.example.net/posts/17]].
There is a page about us, [[url:www.ourfamilystory.example.org]].
They traced it back to [[ip:203.0.113.77]], which was my house.
I post as [[handle:@moth_in_the_lamp]] and nobody knows.
My username on there is [[handle:nightowl_77]].
On Instagram I'm [[handle:@paperboat.dreams]].
The case number is [[code:CV-2023-00871]], it is still open.
My student ID is [[code:20417793]].
I work at [[organisation:Kroger]], nights mostly.
I teach at [[organisation:Lindenhurst High School]], tenth grade.
She got into the [[organisation:University of Michigan]].
They kept me at [[organisation:St. Brendan's Hospital]] for three nights.
My boss at [[organisation:Halvorsen Logistics]] wrote me up, [[name:Craig]] did.
Hi, [[name:Robert]]. // What's new? [[name:Robert]] came. // and [[name:robert]] said no
I saw [[name:Robert]]. // I told [[name:ROBERT]] that // [[name:Robert]]'ll go.
I live at [[street:14 Maple Street]].
This Christmas [[name:Carol]] came, and [[name:Noel]] too.
[[name:Anneliese]] called me on [[date:January 9]] from [[city:Denver]].
""".strip().splitlines()

NEGATIVES = """
Rose early, made a will, and went back to bed.
May I ask what happened after that?
I would say it is 9 out of 10, and some days 24/7.
Give me five, five minutes, and then five more.
Will you mark that down? I hope so.
Grace is a word I never liked, and Faith is another one.
It was a Sunny day in May, the kind you remember.
Breathe in: one, two, three, four, five, six, seven, eight, nine, ten.
I weigh 195 pounds and my blood pressure was 120/80.
Call 988 if you feel that way again, or 911 if it is an emergency.
I am 95 percent sure, and it was 92 degrees outside.
Well, I am not sure. Okay. Right. Mm-hmm.
I was on Zoloft, then Wellbutrin, and Alcoholics Anonymous on Mondays.
Back in 2008 I lost my job, and in the nineties my dad lost his.
She speaks French and Spanish and we are going to America for Christmas.
Oh my God, I mean, Jesus, what was I thinking?
It cost 1,250 dollars, that is 40 percent of what I make.
I am a nurse, I work at home, I work for myself.
We sang Christmas Carols on Christmas Eve, and The First Noel on New Year's Eve.
It was Valentine's Day, then Easter, then St. Patrick's Day.
so on christmas eve and on valentine's day i was at home
Just be frank with me. Bill me later, I said, and drew a blank.
I read chapter 12, pages 140 to 155, twice.
The doctor said Parkinson's, then she said maybe not.
We had McDonald's on the way, and a Coke.
On a scale from 1 to 10, I was a 3 last Tuesday and a 7 on Friday.
Dawn broke, the art was dear to me, and the rich guy was chasing a penny.
i will mark the page may be i hope there is joy in it
so um i was like you know what bring my own pen and drew a line
First of all, Mom and Dad fight. Second, Grandma is no help.
It is about six to eight drinks, maybe two thousand calories a day.
""".strip().splitlines()

MARK = re.compile(r"\[\[(\w+):(.*?)\]\]")


class Gold(NamedTuple):
    """One stretch that must be found: utterance, start, end, kind."""

    utterance: int
    start: int
    end: int
    kind: str


def read(line: str) -> tuple[list[str], list[Gold]]:
    """A line's utterances without marks, and what was marked."""
    texts, spans = [], []
    for index, part in enumerate(line.split(" // ")):
        text = ""
        last = 0
        for mark in MARK.finditer(part):
            text += part[last : mark.start()]
            spans.append(Gold(index, len(text), len(text) + len(mark[2]), mark[1]))
            text += mark[2]
            last = mark.end()
        texts.append(text + part[last:])
    return texts, spans
